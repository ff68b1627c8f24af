"""A deployer without servers: it verifies a release as a server would and remembers it."""

from platform_core.contracts.environments import Environment
from platform_core.errors import ReleaseNotFound, ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from scoring import Scorer, load_release
from use_cases import use_case as installed


class MemoryDeployer:
    """Serves in this process's memory; releases are read from `store`."""

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
        try:
            release = load_release(self._store, use_case, release_id)
        except ReleaseNotFound as error:
            raise ReleaseRefused(str(error)) from error
        self._scorers[use_case, environment] = Scorer(release, installed(use_case))

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the release that answers, `None` when none does."""
        scorer = self._scorers.get((use_case, environment))
        return scorer.release_id if scorer else None

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Forget what is served."""
        self._scorers.pop((use_case, environment), None)
