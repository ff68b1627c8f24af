"""A deployer without servers: verifies a release as a server does, and keeps it in memory."""

from collections.abc import Collection

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ReleaseNotFound, ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from releases.deployers.port import Assignment, DeployableRelease
from scoring import Scorer, load_release
from use_cases import use_case as installed


class MemoryDeployer:
    """Serves releases of `store` in the memory of this process, each in each of its roles."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._scorers: dict[tuple[Environment, str, Assignment], Scorer] = {}
        self._stable: dict[tuple[Environment, str], str] = {}

    def ensure(
        self, environment: Environment, release: DeployableRelease, role: ServingRole
    ) -> None:
        """Load and verify the release, then serve it."""
        if self.is_ready(environment, release.use_case, release.release_id, role):
            return
        scorer = self._load(release.use_case, release.release_id)
        self._scorers[environment, release.use_case, (release.release_id, role)] = scorer

    def is_ready(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether the release is served in this role."""
        return (environment, use_case, (release_id, role)) in self._scorers

    def prune(
        self, environment: Environment, use_case: str, keep: Collection[Assignment]
    ) -> list[str]:
        """Stop serving everything else."""
        served = self.running(environment, use_case)
        removed = served.difference(keep)
        for assignment in removed:
            del self._scorers[environment, use_case, assignment]
        return sorted({release_id for release_id, _ in removed})

    def refresh(self, environment: Environment, use_case: str) -> list[str]:
        """Change nothing: there are no settings."""
        del environment, use_case
        return []

    def set_stable(
        self, environment: Environment, use_case: str, release: DeployableRelease | None
    ) -> None:
        """Set the release of the plain name."""
        if release is None:
            self._stable.pop((environment, use_case), None)
        else:
            self._stable[environment, use_case] = release.release_id

    def is_stable(self, environment: Environment, use_case: str, release_id: str | None) -> bool:
        """Return whether the plain name is that of the release."""
        return self._stable.get((environment, use_case)) == release_id

    def running(self, environment: Environment, use_case: str) -> frozenset[Assignment]:
        """Return what is served: release ids with their roles."""
        keys = self._scorers
        return frozenset(key[2] for key in keys if key[:2] == (environment, use_case))

    def scorer(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> Scorer | None:
        """Return what answers for the release in this role, `None` when nothing does."""
        return self._scorers.get((environment, use_case, (release_id, role)))

    def _load(self, use_case: str, release_id: str) -> Scorer:
        try:
            release = load_release(self._store, use_case, release_id)
        except ReleaseNotFound as error:
            raise ReleaseRefused(str(error)) from error
        return Scorer(release, installed(use_case))
