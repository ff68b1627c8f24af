"""What a gateway has read of the ledger."""

from collections.abc import Mapping

from pydantic import AwareDatetime, ConfigDict

from platform_core.contracts.base import Contract


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
