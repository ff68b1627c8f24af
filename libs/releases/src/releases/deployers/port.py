"""The deployer port."""

from typing import Protocol, runtime_checkable

from platform_core.contracts.environments import Environment


class Deployer(Protocol):
    """Makes an environment answer with a release.

    All methods raise `UpstreamUnavailable` when the environment's server cannot be reached.
    """

    def deploy(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
    ) -> None:
        """Return when the environment answers with the release; deploying it again is fine.

        Raises:
            ReleaseRefused: the server would not load it; what was served before still is.
            UpstreamUnavailable: it did not get ready in time; what was served before still is.
            Conflict: somebody else deployed at the same time; what they deployed is served.
        """
        ...

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the release that answers, `None` when none does."""
        ...

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Stop answering for the use case; when nothing is served nothing changes."""
        ...


@runtime_checkable
class CanaryDeployer(Deployer, Protocol):
    """Also lets a second release answer a share of the requests."""

    def canary(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
        percent: int,
    ) -> None:
        """Return when the release answers `percent` of the requests, each as a whole.

        Raises as `deploy` does; what was served before then answers everything.
        """
        ...

    def end_canary(self, use_case: str, environment: Environment) -> None:
        """Return when what was served before the canary answers everything again."""
        ...
