"""What a policy leads to, given the evidence. Pure functions: nothing here reads or acts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from platform_core.contracts.comparison import ComparisonVerdict
from platform_core.contracts.ledger import Action
from platform_core.contracts.serving_state import ServingState
from platform_core.policies.contract import (
    ActionLimits,
    Finding,
    Mode,
    PromotionPolicy,
    RetrainingPolicy,
    RollbackPolicy,
    Windows,
)

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class WindowFindings:
    """The findings of the window that ended at `end`, and whether it could be judged at all."""

    end: datetime
    findings: frozenset[Finding]
    judged: bool = True


@dataclass(frozen=True)
class Step:
    """The next change of a serving state, and who decides about it."""

    action: Action
    mode: Mode
    approvals: int = 0
    percent: int | None = None


class Outcome(StrEnum):
    """What a policy does: `held-back` is what cool-down or budget prevents."""

    NOTHING = "nothing"
    ACT = "act"
    HELD_BACK = "held-back"


def may_act(limits: ActionLimits, acted: Sequence[datetime], now: datetime) -> bool:
    """Return whether cool-down and budget allow acting at `now`; `acted` are the times before."""
    return not is_cooling(limits, acted, now) and has_budget(limits, acted, now)


def is_cooling(limits: ActionLimits, acted: Sequence[datetime], now: datetime) -> bool:
    """Return whether the last of the times `acted` is within the cool-down before `now`."""
    cool_down = timedelta(hours=limits.cool_down_hours)
    return any(now - time < cool_down for time in _last_week(acted, now))


def has_budget(limits: ActionLimits, acted: Sequence[datetime], now: datetime) -> bool:
    """Return whether fewer of the times `acted` are in the week before `now` than the budget."""
    return len(_last_week(acted, now)) < limits.budget_per_week


def retraining_due(policy: RetrainingPolicy, windows: Sequence[WindowFindings]) -> bool:
    """Return whether the findings of `windows` (oldest first) call for retraining."""
    if policy.mode is Mode.MANUAL:
        return False
    return _found(policy.windows, windows, policy.on)


def rollback_due(policy: RollbackPolicy, windows: Sequence[WindowFindings]) -> bool:
    """Return whether the stable release is to be replaced by the one before: it was harmful in
    enough of its `windows` (oldest first).
    """
    if policy.mode is Mode.MANUAL:
        return False
    return _found(policy.windows, windows, frozenset({Finding.HARMFUL}))


def next_step(
    rollback: RollbackPolicy,
    promotion: PromotionPolicy,
    state: ServingState,
    verdict: ComparisonVerdict,
) -> Step | None:
    """Return the next change of `state`, whose canary or shadow was given `verdict`.

    `worse` ends the canary and the shadow; a verdict of `promotion.on` takes the next step.
    `None`: there is nothing to do, or the policy leaves it to a person.
    """
    if state.canary is None and state.shadow is None:
        return None
    if verdict is ComparisonVerdict.WORSE:
        return _step(Action.ABORT, rollback.mode, rollback.approvals)
    if verdict not in promotion.on:
        return None
    present = state.canary.percent if state.canary else 0
    percent = next((p for p in promotion.canary_percents if p > present), None)
    action = Action.PROMOTE if percent is None else Action.CANARY
    return _step(action, promotion.mode, promotion.approvals, percent)


def first_step(promotion: PromotionPolicy, state: ServingState) -> Step | None:
    """Return the change of `state` that starts a canary or shadow of a new release in staging."""
    if state.stable is None or state.canary is not None or state.shadow is not None:
        return None
    approvals = promotion.approvals or 1 if promotion.begin is Mode.SUGGEST else 0
    if promotion.shadow:
        return _step(Action.SHADOW, promotion.begin, approvals, 100)
    if promotion.canary_percents:
        percent = promotion.canary_percents[0]
        return _step(Action.CANARY, promotion.begin, approvals, percent)
    return None


def _last_week(acted: Sequence[datetime], now: datetime) -> list[datetime]:
    return [time for time in acted if now - WEEK < time <= now]


def _step(action: Action, mode: Mode, approvals: int, percent: int | None = None) -> Step | None:
    return None if mode is Mode.MANUAL else Step(action, mode, approvals, percent)


def _found(rule: Windows, windows: Sequence[WindowFindings], on: frozenset[Finding]) -> bool:
    """Return whether the newest window, and enough of the latest judged ones, have a finding."""
    found = [bool(window.findings & on) for window in windows if window.judged]
    latest = found[-rule.out_of :]
    newest_counts = bool(windows) and windows[-1].judged and found[-1]
    return newest_counts and sum(latest) >= rule.at_least
