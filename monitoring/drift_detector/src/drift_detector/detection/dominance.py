"""Detection of one class that dominates the answers, for use cases that expect every class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from drift_detector.detection.detector import DriftDetector, ReleaseReport
from drift_detector.detection.harm import CLASS_SHARE_ALARM
from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftReport
from use_cases import UseCase

LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class DominancePolicy:
    """More than `share` of at least `rows` answers within `length` are harmful, unless the
    baseline has that share as well.
    """

    share: float = 0.7
    rows: int = 50
    length: timedelta = timedelta(minutes=15)

    def slices(self, use_case: UseCase, window: Window) -> Iterator[Window]:
        """Yield the parts of a window of up to a day, the last ones first to be complete."""
        if not use_case.expects_every_class or window.end - window.start > LONGEST:
            return
        end = window.end
        while end > window.start:
            start = max(window.start, end - self.length)
            if (start, end) != (window.start, window.end):
                yield Window(start, end)
            end = start

    def applies(self, use_case: UseCase, window: Window) -> bool:
        """Return whether a window is judged by this policy: it is as short as a slice."""
        return use_case.expects_every_class and window.end - window.start <= self.length

    def stricter(self, detector: DriftDetector) -> DriftDetector:
        """Return a detector with the limits of this policy."""
        policy = replace(detector.policy, min_rows=self.rows, max_class_share=self.share)
        return replace(detector, policy=policy)


def is_dominated(report: DriftReport) -> bool:
    """Return whether one class has more than its share."""
    return any(alarm.startswith(f"{CLASS_SHARE_ALARM}:") for alarm in report.alarms)


def with_dominated(computed: ReleaseReport, slices: Sequence[DriftReport]) -> ReleaseReport:
    """Return the report of a window that is harmful if one of its `slices` is."""
    report = computed.report
    harmful = [part for part in slices if part.harmful and part.release_id == report.release_id]
    if not harmful:
        return computed
    alarms = [
        alarm for one in (report, *harmful) for alarm in one.alarms if one is report
        or alarm.startswith(f"{CLASS_SHARE_ALARM}:")
    ]  # fmt: skip
    reasons = [
        f"{reason} from {part.start:%H:%M} to {part.end:%H:%M} UTC"
        for part in harmful
        for reason in part.harm
    ]
    update = {
        "alarms": tuple(dict.fromkeys(alarms)),
        "harm": (*report.harm, *reasons),
        "harmful": True,
    }
    return replace(computed, report=report.model_copy(update=update))
