"""The one way to change what an environment serves.

    judge → alias → deploy and wait until ready → smoke → ledger

The ledger's last served entry is the truth. Everything before it can be repeated: setting an
alias, deploying and asking examples twice has the effect of once. So a process that dies
anywhere before the ledger leaves the truth as it was, and whichever change comes next, be it
refused, failed or nothing to do, ends by making alias and server agree with the ledger
(`settle`). A process that dies right after the ledger has finished all the work already.

Two changes at once: an entry is only appended as the number after those its author had read,
so one of them gets `LedgerConflict`. Whoever deployed reads the ledger afterwards and deploys
what it says, so the last to deploy leaves what the ledger says.
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
from releases.deployers import Deployer
from releases.find import resolve
from releases.history import active, previous
from releases.smoke import Smoke
from releases.verification import Verification
from use_cases import UseCase
from use_cases import use_case as installed

MAX_DETAIL = 1000
Judge = Callable[[UseCase, str], None]


@dataclass(frozen=True)
class Outcome:
    """How a change ended: `changed` is false when the environment served the release already.

    `detail` says what else had to be done, or could not be.
    """

    use_case: str
    environment: Environment
    release_id: str
    from_release: str | None
    changed: bool
    detail: str = ""


class ReleaseService:
    """Deploys, promotes and rolls back; every attempt ends in the ledger.

    All methods raise `Refused` when a rule says no, `Unavailable` when a server does not answer
    and `LedgerConflict` when somebody else was faster. The old release is then serving.
    """

    def __init__(
        self,
        store: BlobStore,
        registry: ModelRegistry,
        deployer: Deployer,
        smoke: Smoke,
        ledger: Ledger,
    ) -> None:
        self._store = store
        self._registry = registry
        self._deployer = deployer
        self._smoke = smoke
        self._ledger = ledger
        self._verification = Verification(store, ledger)

    def deploy_to_staging(self, use_case: str, release_id: str, actor: str, reason: str) -> Outcome:
        """Make staging serve a release that passed its gates.

        `release_id` may be the beginning of an id; `actor` and `reason` go to the ledger.
        """
        target = resolve(self._store, use_case, release_id)
        change = _change(use_case, Environment.STAGING, Action.DEPLOY, target, actor, reason)
        return self._carry_out(change, self._entries(change), self._verification.for_staging)

    def promote(
        self, use_case: str, release_id: str | None = None, *, actor: str, reason: str
    ) -> Outcome:
        """Make production serve a release, without an id the one that staging serves.

        Its gates are checked again, against what production serves now.
        """
        installed(use_case)
        wanted = release_id or self._ledger.active(use_case, Environment.STAGING)
        if wanted is None:
            raise Refused(
                f"staging serves no release of {use_case}: there is nothing to promote; "
                "run the pipeline first or name a release"
            )
        target = resolve(self._store, use_case, wanted)
        change = _change(use_case, Environment.PRODUCTION, Action.PROMOTE, target, actor, reason)
        return self._carry_out(change, self._entries(change), self._verification.for_production)

    def rollback(self, use_case: str, environment: Environment, actor: str, reason: str) -> Outcome:
        """Make an environment serve the release it served before the present one.

        The release must still load; it is not compared with what is rolled back from.
        """
        installed(use_case)
        entries = self._ledger.entries(use_case, environment)
        target = previous(entries)
        if target is None:
            raise Refused(
                f"{environment} has served no other release of {use_case} before the present "
                "one: there is nothing to roll back to"
            )
        change = _change(use_case, environment, Action.ROLLBACK, target, actor, reason)
        return self._carry_out(change, entries, self._verification.for_rollback)

    def settle(self, use_case: str, environment: Environment) -> bool:
        """Make server and alias agree with the ledger; say whether they did not.

        The server comes first: it is what callers see. The ledger is read again afterwards, so
        that of several processes the last one to deploy leaves what it says.
        """
        repaired = False
        while True:
            expected = self._ledger.active(use_case, environment)
            repaired |= self._align(use_case, environment, expected)
            if self._ledger.active(use_case, environment) == expected:
                return repaired

    def _carry_out(self, change: Change, entries: Sequence[LedgerEntry], judge: Judge) -> Outcome:
        use_case, environment, target = change.use_case, change.environment, change.to_release
        present = active(entries)
        if target == present:
            repaired = self.settle(use_case, environment)
            detail = "it did not answer with it and does again" if repaired else ""
            return Outcome(use_case, environment, target, present, False, detail)
        change = change.model_copy(update={"from_release": present})
        try:
            judge(installed(use_case), target)
            self._put_in_place(use_case, environment, target)
            self._ledger.append(change, sequence=len(entries) + 1)
        except BaseException as error:
            self._give_up(change, error)
            raise
        detail = self._try(lambda: self.settle(use_case, environment))
        return Outcome(use_case, environment, target, present, True, detail)

    def _put_in_place(self, use_case: str, environment: Environment, release_id: str) -> None:
        version = self._registry.find(use_case, release_id).version
        self._registry.set_alias(use_case, environment, version)
        self._deploy(use_case, environment, release_id, version)
        self._smoke.check(installed(use_case), environment, release_id)

    def _give_up(self, change: Change, error: BaseException) -> None:
        """Put back what the ledger says, then write down what was tried and why it failed."""
        verdict = Verdict.REFUSED if isinstance(error, Refused) else Verdict.FAILED
        detail = (str(error) or type(error).__name__)[:MAX_DETAIL]
        failed = change.model_copy(update={"verdict": verdict, "detail": detail})
        for trouble in (
            self._try(lambda: self.settle(change.use_case, change.environment)),
            self._try(lambda: self._ledger.append(failed)),
        ):
            if trouble:
                error.add_note(f"{trouble}; the next change of {change.environment} repairs this")

    def _align(self, use_case: str, environment: Environment, expected: str | None) -> bool:
        version = self._registry.find(use_case, expected).version if expected else None
        alias = self._registry.alias(use_case, environment)
        served_wrong = self._deployer.served(use_case, environment) != expected
        alias_wrong = (alias.version if alias else None) != version
        if served_wrong and expected and version:
            self._deploy(use_case, environment, expected, version)
        elif served_wrong:
            self._deployer.withdraw(use_case, environment)
        if alias_wrong:
            self._registry.set_alias(use_case, environment, version)
        return served_wrong or alias_wrong

    def _deploy(
        self, use_case: str, environment: Environment, release_id: str, version: str
    ) -> None:
        uri = self._store.uri(release_path(use_case, release_id))
        self._deployer.deploy(use_case, environment, release_id, uri, version)

    def _entries(self, change: Change) -> list[LedgerEntry]:
        return self._ledger.entries(change.use_case, change.environment)

    @staticmethod
    def _try(step: Callable[[], object]) -> str:
        """Return what went wrong in a step that must not hide the outcome, "" when nothing."""
        try:
            step()
        except PlatformError as trouble:
            return str(trouble)
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
