"""Canaries: a release that answers a share of production's requests before it is promoted.

    verify → deploy alongside the stable release → ledger

The stable release remains the one that the ledger's last served entry names. Promoting the canary
is an ordinary promotion.
"""

from dataclasses import dataclass

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, Verdict
from platform_core.errors import PlatformError, Refused
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry
from platform_core.storage import release_path
from releases.catalogue.lookup import resolve_release
from releases.deployers import CanaryDeployer, Deployer
from releases.gates import Verification
from use_cases import use_case as installed

PRODUCTION = Environment.PRODUCTION
MAX_DETAIL = 1000


@dataclass(frozen=True)
class CanaryService:
    """Starts and ends canaries in production.

    Both methods raise `Refused` when a rule forbids it or the deployer cannot split requests.
    """

    store: BlobStore
    registry: ModelRegistry
    deployer: Deployer
    ledger: Ledger

    def start(
        self, use_case: str, release_id: str | None, percent: int, actor: str, reason: str
    ) -> str:
        """Let a release (default: staging's) answer `percent` of the requests; return its id.

        It has to pass the checks of a promotion.
        """
        deployer = self._canary_deployer()
        present, target = self._releases(use_case, release_id)
        change = _change(use_case, present, target, actor, f"{percent} %: {reason}")
        entries = self.ledger.entries(use_case, PRODUCTION)
        try:
            Verification(self.store, self.ledger).for_production(installed(use_case), target)
            uri = self.store.uri(release_path(use_case, target))
            version = self.registry.find(use_case, target).version
            deployer.canary(use_case, PRODUCTION, target, uri, version, percent)
        except PlatformError as error:
            verdict = Verdict.REFUSED if isinstance(error, Refused) else Verdict.FAILED
            failed = {"verdict": verdict, "detail": str(error)[:MAX_DETAIL]}
            self.ledger.append(change.model_copy(update=failed))
            raise
        try:
            self.ledger.append(change, sequence=len(entries) + 1)
        except PlatformError:
            deployer.end_canary(use_case, PRODUCTION)
            raise
        return target

    def end(self, use_case: str, actor: str, reason: str) -> None:
        """Let the stable release answer all requests again."""
        deployer = self._canary_deployer()
        present = self.ledger.active(installed(use_case).name, PRODUCTION)
        deployer.end_canary(use_case, PRODUCTION)
        if self.ledger.canary(use_case, PRODUCTION):
            self.ledger.append(_change(use_case, present, None, actor, reason))

    def _releases(self, use_case: str, release_id: str | None) -> tuple[str, str]:
        """Return the ids of the stable release and of the canary."""
        installed(use_case)
        present = self.ledger.active(use_case, PRODUCTION)
        requested = release_id or self.ledger.active(use_case, Environment.STAGING)
        if present is None or requested is None:
            empty = "production" if present is None else "staging"
            raise Refused(f"{empty} serves no release of {use_case}: a canary needs one in both")
        target = resolve_release(self.store, use_case, requested)
        if target == present:
            raise Refused(f"production serves {use_case} {target} already: it cannot be a canary")
        return present, target

    def _canary_deployer(self) -> CanaryDeployer:
        if not isinstance(self.deployer, CanaryDeployer):
            raise Refused(
                "a canary needs a deployer that splits requests between two releases: "
                "DEPLOYER_URL=kserve://<namespace>"
            )
        return self.deployer


def _change(
    use_case: str, present: str | None, target: str | None, actor: str, reason: str
) -> Change:
    return Change(
        use_case=use_case,
        environment=PRODUCTION,
        action=Action.CANARY,
        actor=actor,
        from_release=present,
        to_release=target,
        reason=reason,
        verdict=Verdict.SHARED,
    )
