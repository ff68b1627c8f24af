"""Whether a window is harmful: the statement that raises the alarm which pages someone."""

from collections.abc import Sequence

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.quality_report import QualityEstimate

CLASS_SHARE_ALARM = "class-share"
QUALITY_ALARM = "quality"


def with_harm(report: DriftReport, quality: Sequence[QualityEstimate]) -> DriftReport:
    """Return `report` with the statement about harm and its alarms.

    It is harmful if a class has a larger share than allowed, or if the whole interval of a metric
    is worse than its gate. It is not harmful if every metric is known to be within its gate, and
    otherwise unknown: without an estimate of quality nothing can be said.
    """
    mixed = [alarm for alarm in report.alarms if alarm.startswith(f"{CLASS_SHARE_ALARM}:")]
    below = [estimate for estimate in quality if estimate.is_below_gate]
    reasons = (*(_class_share(report, alarm) for alarm in mixed), *map(_quality, below))
    harmful: bool | None = True if reasons else None
    if not reasons and quality and all(estimate.is_above_gate for estimate in quality):
        harmful = False
    alarms = [*report.alarms, *(f"{QUALITY_ALARM}:{_name(estimate)}" for estimate in below)]
    return report.model_copy(
        update={
            "harmful": harmful,
            "harm": reasons,
            "quality": tuple(quality),
            "alarms": tuple(dict.fromkeys(alarms)),
        }
    )


def _class_share(report: DriftReport, alarm: str) -> str:
    name = alarm.partition(":")[2]
    return f"{report.class_shares.get(name, 0):.0%} of the answers are {name}"


def _quality(estimate: QualityEstimate) -> str:
    return (
        f"{_name(estimate)} is between {estimate.low:.3g} and {estimate.high:.3g}, "
        f"its gate is {estimate.limit:g}"
    )


def _name(estimate: QualityEstimate) -> str:
    return f"{estimate.metric} of {estimate.slice}" if estimate.slice else f"{estimate.metric}"
