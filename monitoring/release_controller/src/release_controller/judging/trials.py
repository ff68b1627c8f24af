"""The canary or shadow of a serving state, and when it began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import LedgerEntry
from platform_core.contracts.serving_state import Canary, ServingRole, Shadow
from platform_core.ledger import serving_state

TrialRole = Literal[ServingRole.CANARY, ServingRole.SHADOW]


@dataclass(frozen=True)
class CandidateTrial:
    """A release that is tried next to the stable one since `started`.

    `percent` is the canary's share, or the sampled share of the shadow.
    """

    use_case: str
    environment: Environment
    change_id: str
    role: TrialRole
    stable: str
    candidate: str
    percent: int
    started: datetime


def current_trial(entries: Sequence[LedgerEntry]) -> CandidateTrial | None:
    """Return the trial after `entries` (oldest first): the canary, else the shadow, else `None`.

    The evidence about a candidate starts again when the stable release changes.
    """
    state = serving_state(entries)
    if state.stable is None:
        return None
    if state.canary is not None:
        one: tuple[TrialRole, Canary | Shadow, int] = (
            ServingRole.CANARY,
            state.canary,
            state.canary.percent,
        )
    elif state.shadow is not None:
        one = (ServingRole.SHADOW, state.shadow, state.shadow.sample_percent)
    else:
        return None
    role, candidate, percent = one
    begun = [e for e in entries if e.change.change_id == candidate.change_id]
    if not begun:
        return None
    change = begun[-1].change
    return CandidateTrial(
        change.use_case,
        change.environment,
        candidate.change_id,
        role,
        state.stable,
        candidate.release_id,
        percent,
        begun[-1].time,
    )
