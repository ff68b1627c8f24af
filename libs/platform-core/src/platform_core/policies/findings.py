"""What the drift reports of a release found, window by window."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from platform_core.contracts.drift_report import DriftReport
from platform_core.policies.contract import Finding
from platform_core.policies.decisions import WindowFindings


def window_findings(report: DriftReport) -> WindowFindings:
    """Return the findings of a report; a window with neither statement could not be judged."""
    made = {Finding.DRIFTED: report.drifted, Finding.HARMFUL: report.harmful}
    found = frozenset(finding for finding, statement in made.items() if statement)
    return WindowFindings(report.end, found, any(one is not None for one in made.values()))


def findings_of(
    reports: Iterable[DriftReport], release_id: str, since: datetime, length: timedelta
) -> list[WindowFindings]:
    """Return the findings of the windows of one release, oldest first.

    Only windows of at least `length` count that begin after `since`: shorter ones overlap them.
    """
    ours = (
        report
        for report in reports
        if report.release_id == release_id
        and report.start >= since
        and report.end - report.start >= length
    )
    return sorted(map(window_findings, ours), key=lambda window: window.end)
