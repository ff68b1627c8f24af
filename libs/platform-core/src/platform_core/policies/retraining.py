"""Whether a drift report leads to retraining. The drift detector and the backtest ask this."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_core.contracts.drift_report import DriftReport
from platform_core.policies.contract import RetrainingPolicy
from platform_core.policies.decisions import (
    Outcome,
    has_budget,
    is_cooling,
    retraining_due,
)
from platform_core.policies.findings import findings_until, is_window


@dataclass(frozen=True)
class PastRetraining:
    """A retraining of `release_id` that was requested for the window that ended at `time`."""

    time: datetime
    release_id: str
    request_id: str = ""


def can_retrain(
    policy: RetrainingPolicy, report: DriftReport, stable: str | None, length: timedelta
) -> bool:
    """Return whether the policy looks at a report at all.

    It looks at the windows of the release that is `stable` (`None`: unknown) in the policy's
    environments, and at parts of them that are harmful: they are measured to notice harm early.
    """
    return (
        report.environment in policy.environments
        and report.release_id is not None
        and stable in {None, report.release_id}
        and (is_window(report, length) or bool(report.harmful))
    )


def retraining_outcome(
    policy: RetrainingPolicy,
    report: DriftReport,
    reports: Iterable[DriftReport],
    past: Sequence[PastRetraining],
    length: timedelta,
) -> Outcome:
    """Return what the policy does about `report`, a report that it looks at.

    `reports` are the others of the use case and environment, `past` its earlier retrainings.
    """
    if not retraining_due(policy, findings_until(report, reports, length)):
        return Outcome.NOTHING
    same_release = [one.time for one in past if one.release_id == report.release_id]
    allowed = not is_cooling(policy, same_release, report.end) and has_budget(
        policy, [one.time for one in past], report.end
    )
    return Outcome.ACT if allowed else Outcome.HELD_BACK


def standing_request(
    policy: RetrainingPolicy, report: DriftReport, past: Sequence[PastRetraining]
) -> str | None:
    """Return the request about the release of `report` within whose cool-down its window ended."""
    same = [one for one in past if one.release_id == report.release_id]
    found = [one for one in same if is_cooling(policy, [one.time], report.end)]
    return max(found, key=lambda one: one.time).request_id if found else None
