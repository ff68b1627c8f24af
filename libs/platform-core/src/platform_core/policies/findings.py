"""What the drift reports of a release found, window by window."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.quality_report import QualityMethod
from platform_core.drift_reports import consecutive
from platform_core.policies.contract import Finding
from platform_core.policies.decisions import WindowFindings

HISTORY = timedelta(days=7)
"""Windows that ended longer ago do not count."""
FROM_LABELS = frozenset({QualityMethod.LABELS, QualityMethod.PREDICTION_POWERED})


def window_findings(report: DriftReport) -> WindowFindings:
    """Return the findings of a report; a window with neither statement could not be judged."""
    judged = any(one is not None for one in (report.drifted, report.harmful))
    return WindowFindings(report.end, frozenset(_found(report)), judged)


def is_window(report: DriftReport, length: timedelta) -> bool:
    """Return whether a report is about a window, and not about a part of one.

    A window has at least `length`, or is a look of the sequential test.
    """
    return report.end - report.start >= length or report.looks > 0


def findings_of(
    reports: Iterable[DriftReport], release_id: str, since: datetime, length: timedelta
) -> list[WindowFindings]:
    """Return the findings of the windows of one release, oldest first; they do not overlap.

    Only windows of at least `length` count that begin after `since`.
    """
    ours = (one for one in reports if one.start >= since and one.end - one.start >= length)
    return list(map(window_findings, consecutive(ours, release_id)))


def findings_until(
    report: DriftReport, reports: Iterable[DriftReport], length: timedelta
) -> list[WindowFindings]:
    """Return the findings of `report`, and before it those of the earlier windows of its release
    in `reports`, oldest first; they do not overlap.

    The earlier ones are those of the last seven days; parts of windows do not count.
    """
    earlier = [
        one
        for one in reports
        if report.end - HISTORY <= one.end <= report.start and is_window(one, length)
    ]
    chain = consecutive(earlier, report.release_id) if report.release_id else []
    return [window_findings(one) for one in (*chain, report)]


def _found(report: DriftReport) -> Iterator[Finding]:
    below = [one for one in report.quality if one.is_below_gate]
    if report.drifted:
        yield Finding.DRIFTED
    if report.harmful:
        yield Finding.HARMFUL
    if below:
        yield Finding.BELOW_GATE
    if any(one.method in FROM_LABELS for one in below):
        yield Finding.LABELLED_BELOW_GATE
