"""What a request is for: a use case in an environment, and the release that answers."""

from collections.abc import Iterator
from typing import NamedTuple

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, ServingState, model_name
from use_cases import use_case_names


class ServingTarget(NamedTuple):
    """A use case in an environment."""

    use_case: str
    environment: Environment

    def __str__(self) -> str:
        return f"{self.use_case} in {self.environment.value}"


class RoutedRelease(NamedTuple):
    """A release in its role: what a call goes to."""

    target: ServingTarget
    release_id: str
    role: ServingRole

    @property
    def model(self) -> str:
        """The name of its model in V2."""
        return model_name(self.target.use_case, self.release_id)

    def __str__(self) -> str:
        return f"the {self.role} release {self.release_id} of {self.target}"


def all_targets() -> Iterator[ServingTarget]:
    """Yield every installed use case with every environment."""
    for name in use_case_names():
        for environment in Environment:
            yield ServingTarget(name, environment)


def routed_releases(target: ServingTarget, state: ServingState) -> list[RoutedRelease]:
    """Return the releases that serve there, in the order of their roles."""
    return [RoutedRelease(target, release, role) for role, release in state.releases.items()]
