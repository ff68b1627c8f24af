"""What a request is for: a use case in an environment."""

from collections.abc import Iterator
from typing import NamedTuple

from platform_core.contracts.environments import Environment
from use_cases import use_case_names


class ServingTarget(NamedTuple):
    """A use case in an environment."""

    use_case: str
    environment: Environment

    def __str__(self) -> str:
        return f"{self.use_case} in {self.environment.value}"


def all_targets() -> Iterator[ServingTarget]:
    """Yield every installed use case with every environment."""
    for name in use_case_names():
        for environment in Environment:
            yield ServingTarget(name, environment)
