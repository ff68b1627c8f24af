"""Detection of one class that dominates the answers, for use cases that expect every class."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from drift_detector.detection.detector import ReleaseReport
from drift_detector.detection.verdicts import CLASS_SHARE_ALARM, DriftPolicy
from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftVerdict
from use_cases import UseCase

LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class DominancePolicy:
    """More than `share` of at least `rows` answers within `length` are drift, unless the baseline
    has that share as well.
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
        """Say whether a window is judged by this policy: it is as short as a slice."""
        return use_case.expects_every_class and window.end - window.start <= self.length

    def stricter(self, policy: DriftPolicy) -> DriftPolicy:
        """Return a drift policy with the limits of this one."""
        return replace(policy, min_rows=self.rows, max_class_share=self.share)

    def judge(self, computed: ReleaseReport) -> ReleaseReport:
        """Return a report whose verdict is drift where one class dominates."""
        if not is_dominated(computed):
            return computed
        report = computed.report.model_copy(update={"verdict": DriftVerdict.DRIFT})
        return replace(computed, report=report)


def is_dominated(computed: ReleaseReport) -> bool:
    """Say whether one class has more than its share."""
    return any(alarm.startswith(f"{CLASS_SHARE_ALARM}:") for alarm in computed.report.alarms)
