"""When a policy would have acted on a history of windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from platform_core.policies.contract import Mode, Policy
from platform_core.policies.decisions import (
    WindowFindings,
    may_act,
    retraining_due,
    rollback_due,
)


@dataclass(frozen=True)
class PolicyAction:
    """What a policy would have done when the window that ended at `time` had been judged.

    `held_back`: cool-down or budget would have prevented it.
    """

    time: datetime
    action: Literal["retraining", "rollback"]
    mode: Mode
    held_back: bool = False


def simulate(policy: Policy, windows: Sequence[WindowFindings]) -> Iterator[PolicyAction]:
    """Yield the actions of a policy over `windows` of one release (oldest first).

    What follows from an action is not simulated: the same release stays, so that the findings are
    those that were measured.
    """
    acted: dict[str, list[datetime]] = {"retraining": [], "rollback": []}
    for count in range(1, len(windows) + 1):
        seen = windows[:count]
        now = seen[-1].end
        due: dict[Literal["retraining", "rollback"], bool] = {
            "retraining": retraining_due(policy.retraining, seen),
            "rollback": rollback_due(policy.rollback, seen),
        }
        for action, is_due in due.items():
            if not is_due:
                continue
            limits = policy.retraining if action == "retraining" else policy.rollback
            allowed = may_act(limits, acted[action], now)
            if allowed:
                acted[action].append(now)
            yield PolicyAction(now, action, limits.mode, held_back=not allowed)
