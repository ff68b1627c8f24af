"""What answers in one environment: the stable release, and the canary and shadow next to it; and
what gateways have read of it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from platform_core.contracts.base import Contract

MODEL_DIGITS = 8
"""The first digits of a release id that its model's name ends with."""


class ServingRole(StrEnum):
    """What a release does in an environment; only `stable` and `canary` answer callers."""

    STABLE = "stable"
    CANARY = "canary"
    SHADOW = "shadow"


class Canary(Contract):
    """A release that answers `percent` of the routing keys.

    `change_id` is the change that started it: it decides which keys, so a key keeps its release
    while the percent grows.
    """

    release_id: str
    percent: Annotated[int, Field(ge=1, le=99, strict=True)]
    change_id: str


class Shadow(Contract):
    """A release that gets a copy of `sample_percent` of the requests after they are answered."""

    release_id: str
    sample_percent: Annotated[int, Field(ge=1, le=100, strict=True)] = 100
    change_id: str


class ServingState(Contract):
    """The releases of one use case in one environment; no release has two roles."""

    stable: str | None = None
    canary: Canary | None = None
    shadow: Shadow | None = None

    @model_validator(mode="after")
    def _one_role_per_release(self) -> Self:
        releases = [self.stable, self.canary, self.shadow]
        ids = [one if isinstance(one, str) else one.release_id for one in releases if one]
        if len(set(ids)) != len(ids):
            raise ValueError("a release has two roles in one serving state")
        if self.stable is None and ids:
            raise ValueError("a canary or shadow needs a stable release")
        return self

    @property
    def releases(self) -> Mapping[ServingRole, str]:
        """The release of each role that is filled."""
        found: dict[ServingRole, str] = {}
        if self.stable:
            found[ServingRole.STABLE] = self.stable
        if self.canary:
            found[ServingRole.CANARY] = self.canary.release_id
        if self.shadow:
            found[ServingRole.SHADOW] = self.shadow.release_id
        return found


def state_differences(expected: ServingState, present: ServingState) -> list[str]:
    """Return a sentence for each role that differs; change ids do not count."""
    pairs = zip(_roles(expected).items(), _roles(present).items(), strict=True)
    return [
        f"{role} is {found or 'nothing'}, expected {wanted or 'nothing'}"
        for (role, wanted), (_, found) in pairs
        if wanted != found
    ]


def _roles(state: ServingState) -> dict[str, str | None]:
    canary, shadow = state.canary, state.shadow
    return {
        "stable": state.stable,
        "canary": f"{canary.release_id} at {canary.percent} %" if canary else None,
        "shadow": f"{shadow.release_id} at {shadow.sample_percent} %" if shadow else None,
    }


class GatewayState(Contract):
    """The last ledger entry that a gateway had read by `time`, for each use case and environment.

    The keys of `entries` are `<use_case>/<environment>`, the values sequence numbers; 0 stands for
    an empty ledger. A gateway that ends removes its file; one that was killed stops renewing it.
    """

    # A later writer may add keys.
    model_config = ConfigDict(frozen=True, extra="ignore")

    gateway_id: str
    time: AwareDatetime
    entries: Mapping[str, int]


def entry_key(use_case: str, environment: str) -> str:
    """Return the key of `GatewayState.entries` for one use case in one environment."""
    return f"{use_case}/{environment}"


def model_name(use_case: str, release_id: str) -> str:
    """Return the V2 model name of one release; plain `use_case` is that of the stable release."""
    return f"{use_case}-{release_id[:MODEL_DIGITS]}"
