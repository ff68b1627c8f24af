"""The deployer port."""

from typing import Protocol

from platform_core.contracts.environments import Environment


class EnvironmentDeployer(Protocol):
    """Makes an environment serve a release.

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
        """Return when the environment answers with the release. Deploying it again is allowed.

        `model_version` is the release's version in the registry, "" if it is not known.

        After an error, the previous release is served, or the one of the other deployment.

        Raises:
            ReleaseRefused: the server refused to load it.
            UpstreamUnavailable: it was not ready in time.
            Conflict: another deployment ran at the same time.
        """
        ...

    def served(self, use_case: str, environment: Environment) -> str | None:
        """Return the id of the served release, `None` if there is none."""
        ...

    def serves_only(self, use_case: str, environment: Environment, release_id: str | None) -> bool:
        """Return whether every server of the environment answers with the release, and will after
        a restart. `None` stands for no release.
        """
        ...

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Stop serving the use case. Does nothing if it is not served."""
        ...
