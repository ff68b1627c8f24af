"""A deployer without servers: verifies a release as a server does, and keeps it in memory."""

from platform_core.contracts.environments import Environment
from platform_core.errors import ReleaseNotFound, ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from scoring import Scorer, load_release
from use_cases import use_case as installed


class EnvironmentMemoryDeployer:
    """Serves releases of `store` in the memory of this process."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._scorers: dict[tuple[str, Environment], Scorer] = {}

    def deploy(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
    ) -> None:
        """Load and verify the release, then serve it."""
        del release_uri, model_version
        self._scorers[use_case, environment] = self._load(use_case, release_id)

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the served release, `None` if there is none."""
        scorer = self._scorers.get((use_case, environment))
        return scorer.release_id if scorer else None

    def serves_only(self, use_case: str, environment: Environment, release_id: str | None) -> bool:
        """Return whether the release is served."""
        return self.served(use_case, environment) == release_id

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Stop serving."""
        self._scorers.pop((use_case, environment), None)

    def _load(self, use_case: str, release_id: str) -> Scorer:
        try:
            release = load_release(self._store, use_case, release_id)
        except ReleaseNotFound as error:
            raise ReleaseRefused(str(error)) from error
        return Scorer(release, installed(use_case))
