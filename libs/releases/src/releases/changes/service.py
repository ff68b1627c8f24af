"""Applies requested changes of what an environment serves.

Every change takes the same steps:

    requested state → verify → services ready → smoke test → ledger → plain name

The state of the ledger's last applied entry is the truth. The steps before the entry only add
services that no state names, so a process that dies there has changed nothing that counts. The
steps after it are repeated until they succeed, by `reconcile`. The registry's versions and aliases
are derived from releases and ledger, by `update_records`; no change waits for them.

Two processes that apply changes at the same time: an entry is only appended right after the
entries that its author had read, so one of the two gets `LedgerConflict`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import (
    Action,
    Change,
    ChangeRequest,
    ChangeStatus,
    LedgerEntry,
)
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.errors import (
    Conflict,
    InvalidInput,
    LedgerConflict,
    NotFound,
    PlatformError,
    Refused,
)
from platform_core.ledger import Ledger, serving_state
from platform_core.ports.blob_store import BlobStore
from releases.catalogue.lookup import release_ids, resolve_release
from releases.changes.needed import assignments
from releases.changes.registry import RegistryRecords
from releases.changes.servers import Place, ReconcileResult, Servers
from releases.changes.smoke import SmokeTest
from releases.changes.states import describe_state, next_state
from releases.deployers import Assignment
from releases.gates import Verification
from use_cases import use_case as installed

MAX_DETAIL = 1000
Report = Callable[[str], None]


@dataclass(frozen=True)
class RepairReport:
    """What a repair of a use case changed, and what it could not repair."""

    use_case: str
    changed: tuple[str, ...]
    problems: tuple[str, ...]


class ReleaseService:
    """Applies changes, and makes servers and registry agree with the ledger.

    May be used by several threads for changes of different use cases or environments.
    """

    def __init__(
        self,
        store: BlobStore,
        ledger: Ledger,
        servers: Servers,
        smoke: SmokeTest,
        records: RegistryRecords,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._servers = servers
        self._smoke = smoke
        self._records = records
        self._verification = Verification(store, ledger)

    def apply(self, request: ChangeRequest, report: Report = lambda _: None) -> Change:
        """Apply a change and return how it ended; applying it again returns the same.

        `report` gets a sentence for each step. Whatever fails, the environment serves what the
        ledger names, and the result says why.

        Raises:
            Unavailable: the ledger cannot be read, so nothing was tried.
        """
        place = (request.use_case, request.environment)
        try:
            installed(request.use_case)
            entries = self._ledger.entries(*place)
        except (Refused, InvalidInput) as error:
            return _ended(Change.of(request, ServingState(), ServingState()), error)
        for entry in entries:
            if entry.change.change_id == request.change_id:
                return self._follow_up(entry.change)
        return self._try(request, place, entries, report)

    def fail(self, request: ChangeRequest, reason: str) -> Change:
        """Record that a change failed by a defect, and return its result."""
        entries = self._ledger.entries(request.use_case, request.environment)
        present = serving_state(entries)
        failed = Change.of(request, present, present)
        return self._record(failed.model_copy(update=_outcome(ChangeStatus.FAILED, reason)))

    def reconcile(self, use_case: str, environment: Environment) -> ReconcileResult:
        """Make the services of one environment agree with the ledger."""
        return self._servers.reconcile((use_case, environment))

    def update_records(self, use_case: str) -> list[str]:
        """Make the registry agree with the ledger; return what was changed.

        Raises:
            UpstreamUnavailable: the registry does not answer.
            ReleaseRefused: the files of a release are damaged.
        """
        return list(self._records.repair(use_case))

    def repair(self, use_case: str) -> RepairReport:
        """Make servers and registry agree with the ledger and the stored releases.

        A step that fails does not stop the others. No service is removed: the release controller
        does this when it may.
        """
        installed(use_case)
        whole = ReconcileResult()
        for environment in Environment:

            def restore(place: Place = (use_case, environment)) -> None:
                agreement = self._servers.reconcile(place, remove=False)
                whole.changed.extend(agreement.changed)
                whole.problems.extend(agreement.problems)

            whole.attempt(restore)
        releases = release_ids(self._store, use_case)
        whole.attempt(lambda: whole.changed.extend(self._records.repair(use_case, releases)))
        return RepairReport(use_case, tuple(whole.changed), tuple(whole.problems))

    def _try(
        self,
        request: ChangeRequest,
        place: Place,
        entries: Sequence[LedgerEntry],
        report: Report,
    ) -> Change:
        present = serving_state(entries)
        change = Change.of(request, present, present)
        try:
            request = self._resolved(request, present)
            staged = self._ledger.active(request.use_case, Environment.STAGING)
            target = next_state(request, present, entries, staged)
            if target == present:
                return self._nothing_to_do(change, place)
            change = Change.of(request, present, target)
            report(f"requested: {describe_state(target)}")
            self._start(request, change, place, len(entries), report)
        except PlatformError as error:
            return self._abandon(change, error, place)
        return self._follow_up(change)

    def _start(
        self, request: ChangeRequest, change: Change, place: Place, length: int, report: Report
    ) -> None:
        """Take the steps up to the ledger entry."""
        running = set(assignments(change.from_state))
        new = [one for one in assignments(change.to_state) if one not in running]
        wanted = set(assignments(change.to_state))
        with self._servers.claims(place, wanted):
            self._servers.require_own_names(place, wanted)
            self._verify(request, change, new, report)
            for release_id, role in new:
                report(f"starting the service of {release_id:.12} as {role}")
                self._servers.ensure(place, (release_id, role))
            for release_id, role in new:
                report(f"smoke test of {release_id:.12}")
                self._smoke.check(
                    installed(request.use_case), request.environment, release_id, role
                )
            self._append(change, length + 1)

    def _verify(
        self,
        request: ChangeRequest,
        change: Change,
        new: Sequence[Assignment],
        report: Report,
    ) -> None:
        """Check each release that begins to serve in a role, as strictly as the role needs.

        A canary was compared with the stable release when it began. It ends when the stable
        release changes, so its promotion does not compare again. No caller gets a
        shadow's answers.
        """
        canary = change.from_state.canary
        case = installed(request.use_case)
        for release_id, role in new:
            report(f"verifying {release_id:.12}")
            if request.action is Action.ROLLBACK:
                self._verification.for_rollback(case, release_id)
            elif (
                role is ServingRole.SHADOW
                or request.environment is Environment.STAGING
                or (canary and canary.release_id == release_id)
            ):
                self._verification.for_staging(case, release_id)
            else:
                self._verification.for_production(case, release_id, request.accept_unmeasured)

    def _resolved(self, request: ChangeRequest, present: ServingState) -> ChangeRequest:
        """Return the request with the whole id of its release."""
        given = request.release_id
        if given is None:
            return request
        serving = [release for release in present.releases.values() if release.startswith(given)]
        if request.action is Action.ABORT and len(serving) == 1:  # its files may be gone
            found = serving[0]
        else:
            found = resolve_release(self._store, request.use_case, given)
        return request.model_copy(update={"release_id": found})

    def _nothing_to_do(self, change: Change, place: Place) -> Change:
        """Return the result of a change without effect; the services are repaired if needed."""
        agreement = self._servers.reconcile(place)
        changed = list(agreement.changed)
        if change.action is Action.ROLLBACK and not changed:
            error = Refused(
                f"{place[1]} has served no earlier release of {place[0]}: there is nothing to "
                "roll back to"
            )
            return self._abandon(change, error, place)
        said = "the services had diverged from the ledger; repaired: " + "; ".join(changed)
        detail = "; ".join([said if changed else "nothing to do", *agreement.problems])
        return change.model_copy(update=_outcome(ChangeStatus.APPLIED, detail))

    def _append(self, change: Change, sequence: int) -> None:
        """Append the change as the entry `sequence`; the response of the store may be lost."""
        try:
            self._ledger.append(change, sequence=sequence)
        except PlatformError:
            entries = self._ledger.entries(change.use_case, change.environment)
            if len(entries) < sequence or entries[sequence - 1].change != change:
                raise

    def _follow_up(self, change: Change) -> Change:
        """Take the steps after the ledger entry; what fails is in the detail of the result."""
        place = (change.use_case, change.environment)
        if change.status is not ChangeStatus.APPLIED:
            return change
        try:
            problems = self._servers.settle(place).problems
        except PlatformError as error:
            problems = [str(error)]
        return change.model_copy(update=_outcome(change.status, "; ".join(problems)))

    def _abandon(self, change: Change, error: PlatformError, place: Place) -> Change:
        """Remove the services that were started, and record the attempt with its error."""
        result = self._record(_ended(change, error))
        try:
            problems = self._servers.settle(place).problems
        except PlatformError as problem:
            problems = [str(problem)]
        return _with_detail(result, *problems)

    def _record(self, change: Change) -> Change:
        """Append the entry of a change that ended without effect; say so if that fails."""
        try:
            self._ledger.append(change)
        except PlatformError as error:
            return _with_detail(change, f"this attempt is not in the ledger: {error}")
        return change


def _ended(change: Change, error: PlatformError) -> Change:
    """Return the result of a change that a rule refuses, or that a server failed."""
    rule = Refused | InvalidInput | NotFound | Conflict
    refused = isinstance(error, rule) and not isinstance(error, LedgerConflict)
    status = ChangeStatus.REFUSED if refused else ChangeStatus.FAILED
    return change.model_copy(update=_outcome(status, str(error)))


def _with_detail(change: Change, *more: str) -> Change:
    return change.model_copy(
        update=_outcome(change.status, "; ".join(filter(None, [change.detail, *more])))
    )


def _outcome(status: ChangeStatus, detail: str) -> dict[str, object]:
    return {"status": status, "detail": detail[:MAX_DETAIL]}
