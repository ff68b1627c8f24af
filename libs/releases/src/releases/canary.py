"""Trying a release on a share of production's requests before it is promoted.

    judge → deploy beside what is served → ledger

The environment's release stays what the ledger's last served entry says: promoting the canary is a
promotion like any other, and so is going back.
"""

from dataclasses import dataclass

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, Verdict
from platform_core.errors import PlatformError, Refused
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry
from platform_core.storage import release_path
from releases.deployers import CanaryDeployer, Deployer
from releases.find import resolve
from releases.verification import Verification
from use_cases import use_case as installed

PRODUCTION = Environment.PRODUCTION
MAX_DETAIL = 1000


@dataclass(frozen=True)
class Canaries:
    """Begins and ends canaries of production.

    Both methods raise `Refused` when a rule says no or the deployer cannot share requests.
    """

    store: BlobStore
    registry: ModelRegistry
    deployer: Deployer
    ledger: Ledger

    def begin(
        self, use_case: str, release_id: str | None, percent: int, actor: str, reason: str
    ) -> str:
        """Let a release, without an id what staging serves, answer `percent` of the requests.

        Returns its id. It has to pass what a promotion has to.
        """
        deployer, case = self._deployer(), installed(use_case)
        present = self.ledger.active(use_case, PRODUCTION)
        wanted = release_id or self.ledger.active(use_case, Environment.STAGING)
        if present is None or wanted is None:
            empty = "production" if present is None else "staging"
            raise Refused(f"{empty} serves no release of {use_case}: a canary needs one in both")
        target = resolve(self.store, use_case, wanted)
        if target == present:
            raise Refused(f"production serves {use_case} {target} already: there is nothing to try")
        change = _change(use_case, present, target, actor, f"{percent} %: {reason}")
        entries = self.ledger.entries(use_case, PRODUCTION)
        try:
            Verification(self.store, self.ledger).for_production(case, target)
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
        """Let what production serves answer everything again."""
        deployer = self._deployer()
        present = self.ledger.active(installed(use_case).name, PRODUCTION)
        deployer.end_canary(use_case, PRODUCTION)
        if self.ledger.canary(use_case, PRODUCTION):
            self.ledger.append(_change(use_case, present, None, actor, reason))

    def _deployer(self) -> CanaryDeployer:
        if not isinstance(self.deployer, CanaryDeployer):
            raise Refused(
                "a canary needs a deployer that shares requests between two releases: "
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
