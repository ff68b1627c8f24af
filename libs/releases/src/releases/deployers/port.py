"""The deployer port: one service for each release that has a role in an environment."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole

Assignment = tuple[str, ServingRole]
"""A release id and a role that the release has."""


@dataclass(frozen=True)
class DeployableRelease:
    """A stored release as a deployer needs it.

    `uri` is where its files are. `model_version` is its version in the registry, "" if it is not
    known.
    """

    use_case: str
    release_id: str
    uri: str
    model_version: str = ""


class Deployer(Protocol):
    """Runs the services of releases.

    A service answers under the V2 model name of its release (`model_name`), and only with it. An
    adapter may run canaries and shadows apart from stable releases, or one service per release
    whatever its roles. All methods raise `UpstreamUnavailable` when a server that they need does
    not answer, and may be repeated.
    """

    def ensure(
        self, environment: Environment, release: DeployableRelease, role: ServingRole
    ) -> None:
        """Return when the service of the release is ready and its metadata names the release.

        A service that is ready is left as it is, whatever `model_version` says. After an error,
        what the service was before is not restored: `prune` removes a service that is not needed.

        Raises:
            ReleaseRefused: the server refused to load it.
            UpstreamUnavailable: it was not ready in time.
            Conflict: another process changes the same service.
        """
        ...

    def is_ready(
        self, environment: Environment, use_case: str, release_id: str, role: ServingRole
    ) -> bool:
        """Return whether the service answers with the release, and will after a restart."""
        ...

    def prune(
        self, environment: Environment, use_case: str, keep: Collection[Assignment]
    ) -> list[str]:
        """Remove the services of a use case that none of `keep` needs, ready or not.

        Return the ids of the releases whose services were removed, sorted.
        """
        ...

    def refresh(self, environment: Environment, use_case: str) -> list[str]:
        """Begin to run the services of a use case as the platform's settings say now.

        It does not wait: a service answers with its release all the time, and goes on as it was
        if the new settings do not work. Return the ids of the releases that it changes, sorted.
        """
        ...

    def set_stable(
        self, environment: Environment, use_case: str, release: DeployableRelease | None
    ) -> None:
        """Have the plain V2 name `use_case` answer with the release, with `None` not at all.

        The release's service in the role `stable` is ready. Callers that need one certain release
        use its own model name, so a release may be stable before or after this.
        """
        ...

    def is_stable(self, environment: Environment, use_case: str, release_id: str | None) -> bool:
        """Return whether the plain V2 name answers with the release, and will after a restart.

        `None` asks whether nothing answers under the plain name.
        """
        ...
