"""The deployer port."""

from typing import Protocol, runtime_checkable

from platform_core.contracts.environments import Environment


class Deployer(Protocol):
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

    def withdraw(self, use_case: str, environment: Environment) -> None:
        """Stop serving the use case. Does nothing if it is not served."""
        ...


@runtime_checkable
class CanaryDeployer(Deployer, Protocol):
    """A deployer that can split requests between two releases."""

    def canary(
        self,
        use_case: str,
        environment: Environment,
        release_id: str,
        release_uri: str,
        model_version: str,
        percent: int,
    ) -> None:
        """Return when the release answers `percent` of the requests; no request mixes releases.

        Raises the errors of `deploy`; the stable release then answers all requests.
        """
        ...

    def end_canary(self, use_case: str, environment: Environment) -> None:
        """Return when the stable release answers all requests again."""
        ...
