"""Changes of what an environment serves.

Every change takes the same steps:

    verify → deploy and wait until ready → smoke test → ledger → registry

The last served entry of the ledger is the truth. The steps before it are idempotent, so a process
that dies before the ledger entry has changed nothing that counts: the next change, whatever its
outcome, makes the server agree with the ledger again, as does `repair`. The registry's versions and
aliases are derived from releases and ledger; no step needs them.

Two changes at the same time: an entry is only appended right after the entries that its author
had read, so one of the two gets `LedgerConflict`. Every process that deployed reads the ledger
afterwards and deploys what it says, so that the last deployment matches the ledger.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus, LedgerEntry
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import PlatformError, Refused
from platform_core.ledger import Ledger, serving_state
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry
from platform_core.storage import release_path
from releases.catalogue.lookup import release_ids, resolve_release
from releases.changes.history import rollback_target
from releases.changes.registry import RegistryRecords
from releases.changes.smoke import SmokeTest
from releases.deployers.environment_port import EnvironmentDeployer
from releases.gates import Verification
from use_cases import UseCase
from use_cases import use_case as installed

MAX_DETAIL = 1000
REPAIRED = "the server had diverged from the ledger; repaired"
Versions = Mapping[str, str] | None
"""Version numbers by release id, `None` when the registry does not answer."""
ReleaseCheck = Callable[[UseCase, str], None]


@dataclass(frozen=True)
class ChangeOutcome:
    """Result of a change; `changed` is false when the environment served the release already.

    `detail` names a repair that was made or failed.
    """

    use_case: str
    environment: Environment
    release_id: str
    from_release: str | None
    changed: bool
    detail: str = ""


@dataclass(frozen=True)
class RepairReport:
    """What a repair of a use case changed, and what it could not repair."""

    use_case: str
    changed: tuple[str, ...]
    problems: tuple[str, ...]


class ReleaseService:
    """Deploys, promotes and rolls back releases; every attempt is recorded in the ledger.

    All methods raise `Refused` when a rule forbids the change, `Unavailable` when a server does
    not respond and `LedgerConflict` when another change was faster. The old release then serves.
    """

    def __init__(
        self,
        store: BlobStore,
        registry: ModelRegistry,
        deployer: EnvironmentDeployer,
        smoke: SmokeTest,
        ledger: Ledger,
    ) -> None:
        self._store = store
        self._records = RegistryRecords(store, registry, ledger)
        self._deployer = deployer
        self._smoke = smoke
        self._ledger = ledger
        self._verification = Verification(store, ledger)

    def deploy_to_staging(
        self, use_case: str, release_id: str, actor: str, reason: str
    ) -> ChangeOutcome:
        """Serve a release that passed its gates in staging.

        `release_id` may be the beginning of an id; `actor` and `reason` go to the ledger.
        """
        target = resolve_release(self._store, use_case, release_id)
        change = _change(use_case, Environment.STAGING, Action.DEPLOY, target, actor, reason)
        entries = self._ledger.entries(use_case, Environment.STAGING)
        return self._execute(change, target, entries, self._verification.for_staging)

    def promote(
        self,
        use_case: str,
        release_id: str | None = None,
        *,
        actor: str,
        reason: str,
        accept_unmeasured: bool = False,
    ) -> ChangeOutcome:
        """Serve a release in production; default: the release that staging serves.

        It is compared again with the release that production serves now. One whose metrics were
        not measured is refused without `accept_unmeasured`.
        """
        installed(use_case)
        requested = release_id or self._ledger.active(use_case, Environment.STAGING)
        if requested is None:
            raise Refused(
                f"staging serves no release of {use_case}: there is nothing to promote; "
                "run the pipeline first or name a release"
            )
        target = resolve_release(self._store, use_case, requested)
        change = _change(use_case, Environment.PRODUCTION, Action.PROMOTE, target, actor, reason)
        entries = self._ledger.entries(use_case, Environment.PRODUCTION)

        def check(case: UseCase, release: str) -> None:
            self._verification.for_production(case, release, accept_unmeasured)

        return self._execute(change, target, entries, check)

    def rollback(
        self, use_case: str, environment: Environment, actor: str, reason: str
    ) -> ChangeOutcome:
        """Serve the release that the environment served before the present one.

        The release must still load; it is not compared with the present one. Without an earlier
        release, the environment is made to serve what the ledger names.
        """
        installed(use_case)
        entries = self._ledger.entries(use_case, environment)
        target = rollback_target(entries)
        if target is None:
            return self._repair_instead(use_case, environment, serving_state(entries).stable)
        change = _change(use_case, environment, Action.ROLLBACK, target, actor, reason)
        return self._execute(change, target, entries, self._verification.for_rollback)

    def repair(self, use_case: str) -> RepairReport:
        """Make servers and registry agree with the ledger and the stored releases.

        A step that fails does not stop the others.
        """
        installed(use_case)
        changed: list[str] = []
        problems: list[str] = []
        versions = self._records.versions(use_case, [])
        for environment in Environment:
            try:
                if self._restore(use_case, environment, versions):
                    active = self._ledger.active(use_case, environment) or "nothing"
                    changed.append(f"{environment} serves {active} of {use_case} again")
            except PlatformError as error:
                problems.append(str(error))
        try:
            changed.extend(self._records.repair(use_case, release_ids(self._store, use_case)))
        except PlatformError as error:
            problems.append(str(error))
        return RepairReport(use_case, tuple(changed), tuple(problems))

    def _repair_instead(
        self, use_case: str, environment: Environment, present: str | None
    ) -> ChangeOutcome:
        repaired, detail = self._reconcile(use_case, environment)
        if present and repaired:
            return ChangeOutcome(use_case, environment, present, present, False, detail)
        suffix = f"; {detail}" if detail else ""
        raise Refused(
            f"{environment} has served no earlier release of {use_case}: "
            f"there is nothing to roll back to{suffix}"
        )

    def _execute(
        self, change: Change, target: str, entries: Sequence[LedgerEntry], check: ReleaseCheck
    ) -> ChangeOutcome:
        use_case, environment = change.use_case, change.environment
        present = serving_state(entries).stable
        if target == present:
            _, detail = self._reconcile(use_case, environment)
            return ChangeOutcome(use_case, environment, target, present, False, detail)
        change = change.model_copy(update={"from_state": serving_state(entries)})
        versions = self._records.versions(use_case, filter(None, (target, present)))
        try:
            check(installed(use_case), target)
            self._deploy(use_case, environment, target, versions)
            self._smoke.check(installed(use_case), environment, target)
            self._append(change, len(entries) + 1)
        except BaseException as error:
            self._abandon(change, error, versions)
            raise
        problems = (
            _error_of(lambda: self._restore(use_case, environment, versions)),
            self._repair_records(use_case, versions)[1],
        )
        detail = "; ".join(filter(None, problems))
        return ChangeOutcome(use_case, environment, target, present, True, detail)

    def _reconcile(self, use_case: str, environment: Environment) -> tuple[bool, str]:
        """Make server and registry agree with the ledger; return whether the server had to be
        changed, and what was repaired or failed.
        """
        versions = self._records.versions(use_case, [])
        repaired = self._restore(use_case, environment, versions)
        details = (REPAIRED if repaired else "", *self._repair_records(use_case, versions))
        return repaired, "; ".join(filter(None, details))

    def _append(self, change: Change, sequence: int) -> None:
        """Append the change as the entry `sequence`; the response of the store may be lost."""
        try:
            self._ledger.append(change, sequence=sequence)
        except PlatformError:
            entries = self._ledger.entries(change.use_case, change.environment)
            if len(entries) < sequence or entries[sequence - 1].change != change:
                raise

    def _abandon(self, change: Change, error: BaseException, versions: Versions) -> None:
        """Restore the state that the ledger names, then record the attempt and its error."""
        status = ChangeStatus.REFUSED if isinstance(error, Refused) else ChangeStatus.FAILED
        detail = (str(error) or type(error).__name__)[:MAX_DETAIL]
        failed = change.model_copy(update={"status": status, "detail": detail})
        for problem in (
            _error_of(lambda: self._restore(change.use_case, change.environment, versions)),
            _error_of(lambda: self._ledger.append(failed)),
        ):
            if problem:
                error.add_note(
                    f"{problem}; the next change of {change.environment} or "
                    "`mlplatform release repair` repairs this"
                )
        _, problem = self._repair_records(change.use_case, versions)
        if problem and versions is not None:
            error.add_note(problem)

    def _restore(self, use_case: str, environment: Environment, versions: Versions) -> bool:
        """Make the server agree with the ledger; return whether it had to be changed.

        The ledger is read again afterwards, so that of several processes the last one to deploy
        leaves what the ledger says.
        """
        repaired = False
        while True:
            expected = self._ledger.active(use_case, environment)
            if not self._deployer.serves_only(use_case, environment, expected):
                repaired = True
                if expected:
                    self._deploy(use_case, environment, expected, versions)
                else:
                    self._deployer.withdraw(use_case, environment)
            if self._ledger.active(use_case, environment) == expected:
                return repaired

    def _repair_records(self, use_case: str, versions: Versions) -> tuple[str, str]:
        """Repair the registry's records; return what was changed, and what is left to do.

        A registry that did not answer before (`versions` is `None`) is not asked again.
        """
        changed: list[str] = []
        problem = "it does not answer"
        if versions is not None:
            problem = _error_of(lambda: changed.extend(self._records.repair(use_case)))
        later = f"run `mlplatform release repair --use-case {use_case}` later"
        left = f"the registry is not up to date: {problem}; {later}" if problem else ""
        return "; ".join(changed), left

    def _deploy(
        self, use_case: str, environment: Environment, release_id: str, versions: Versions
    ) -> None:
        uri = self._store.uri(release_path(use_case, release_id))
        version = (versions or {}).get(release_id, "")
        self._deployer.deploy(use_case, environment, release_id, uri, version)


def _error_of(step: Callable[[], object]) -> str:
    """Run a step whose failure must not hide the outcome; return its error, "" without one."""
    try:
        step()
    except PlatformError as error:
        return str(error)
    return ""


def _change(
    use_case: str,
    environment: Environment,
    action: Action,
    target: str,
    actor: str,
    reason: str,
) -> Change:
    return Change(
        change_id=uuid.uuid4().hex,
        use_case=use_case,
        environment=environment,
        action=action,
        actor=actor,
        from_state=ServingState(),
        to_state=ServingState(stable=target),
        reason=reason,
        status=ChangeStatus.APPLIED,
    )
