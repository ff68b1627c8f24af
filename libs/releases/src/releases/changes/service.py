"""Changes of what an environment serves.

Every change takes the same steps:

    verify → registry alias → deploy and wait until ready → smoke test → ledger

The last served entry of the ledger is the truth. The steps before it are idempotent, so a process
that dies before the ledger entry has changed nothing that counts: the next change, whatever its
outcome, makes registry and server agree with the ledger again (`reconcile`).

Two changes at the same time: an entry is only appended right after the entries that its author
had read, so one of the two gets `LedgerConflict`. Every process that deployed reads the ledger
afterwards and deploys what it says, so that the last deployment matches the ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, LedgerEntry, Verdict
from platform_core.errors import PlatformError, Refused
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry
from platform_core.storage import release_path
from releases.catalogue.lookup import resolve_release
from releases.changes.history import active_release, rollback_target
from releases.changes.smoke import SmokeTest
from releases.deployers import Deployer
from releases.gates import Verification
from use_cases import UseCase
from use_cases import use_case as installed

MAX_DETAIL = 1000
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


class ReleaseService:
    """Deploys, promotes and rolls back releases; every attempt is recorded in the ledger.

    All methods raise `Refused` when a rule forbids the change, `Unavailable` when a server does
    not respond and `LedgerConflict` when another change was faster. The old release then serves.
    """

    def __init__(
        self,
        store: BlobStore,
        registry: ModelRegistry,
        deployer: Deployer,
        smoke: SmokeTest,
        ledger: Ledger,
    ) -> None:
        self._store = store
        self._registry = registry
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
        self, use_case: str, release_id: str | None = None, *, actor: str, reason: str
    ) -> ChangeOutcome:
        """Serve a release in production; default: the release that staging serves.

        It is compared again with the release that production serves now.
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
        return self._execute(change, target, entries, self._verification.for_production)

    def rollback(
        self, use_case: str, environment: Environment, actor: str, reason: str
    ) -> ChangeOutcome:
        """Serve the release that the environment served before the present one.

        The release must still load; it is not compared with the present one.
        """
        installed(use_case)
        entries = self._ledger.entries(use_case, environment)
        target = rollback_target(entries)
        if target is None:
            raise Refused(
                f"{environment} has served no earlier release of {use_case}: "
                "there is nothing to roll back to"
            )
        change = _change(use_case, environment, Action.ROLLBACK, target, actor, reason)
        return self._execute(change, target, entries, self._verification.for_rollback)

    def reconcile(self, use_case: str, environment: Environment) -> bool:
        """Make server and registry agree with the ledger; return whether they had to be changed.

        The server comes first because callers depend on it. The ledger is read again afterwards,
        so that of several processes the last one to deploy leaves what the ledger says.
        """
        repaired = False
        while True:
            expected = self._ledger.active(use_case, environment)
            repaired |= self._repair(use_case, environment, expected)
            if self._ledger.active(use_case, environment) == expected:
                return repaired

    def _execute(
        self, change: Change, target: str, entries: Sequence[LedgerEntry], check: ReleaseCheck
    ) -> ChangeOutcome:
        use_case, environment = change.use_case, change.environment
        present = active_release(entries)
        if target == present:
            repaired = self.reconcile(use_case, environment)
            detail = "the server had diverged from the ledger; repaired" if repaired else ""
            return ChangeOutcome(use_case, environment, target, present, False, detail)
        change = change.model_copy(update={"from_release": present})
        try:
            check(installed(use_case), target)
            self._deploy_and_test(use_case, environment, target)
            self._ledger.append(change, sequence=len(entries) + 1)
        except BaseException as error:
            self._abandon(change, error)
            raise
        detail = _error_of(lambda: self.reconcile(use_case, environment))
        return ChangeOutcome(use_case, environment, target, present, True, detail)

    def _deploy_and_test(self, use_case: str, environment: Environment, release_id: str) -> None:
        version = self._registry.find(use_case, release_id).version
        self._registry.set_alias(use_case, environment, version)
        self._deploy(use_case, environment, release_id, version)
        self._smoke.check(installed(use_case), environment, release_id)

    def _abandon(self, change: Change, error: BaseException) -> None:
        """Restore the state that the ledger names, then record the attempt and its error."""
        verdict = Verdict.REFUSED if isinstance(error, Refused) else Verdict.FAILED
        detail = (str(error) or type(error).__name__)[:MAX_DETAIL]
        failed = change.model_copy(update={"verdict": verdict, "detail": detail})
        for problem in (
            _error_of(lambda: self.reconcile(change.use_case, change.environment)),
            _error_of(lambda: self._ledger.append(failed)),
        ):
            if problem:
                error.add_note(f"{problem}; the next change of {change.environment} repairs this")

    def _repair(self, use_case: str, environment: Environment, expected: str | None) -> bool:
        version = self._registry.find(use_case, expected).version if expected else None
        alias = self._registry.alias(use_case, environment)
        server_differs = self._deployer.served(use_case, environment) != expected
        alias_differs = (alias.version if alias else None) != version
        if server_differs and expected and version:
            self._deploy(use_case, environment, expected, version)
        elif server_differs:
            self._deployer.withdraw(use_case, environment)
        if alias_differs:
            self._registry.set_alias(use_case, environment, version)
        return server_differs or alias_differs

    def _deploy(
        self, use_case: str, environment: Environment, release_id: str, version: str
    ) -> None:
        uri = self._store.uri(release_path(use_case, release_id))
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
        use_case=use_case,
        environment=environment,
        action=action,
        actor=actor,
        from_release=None,
        to_release=target,
        reason=reason,
        verdict=Verdict.SERVED,
    )
