"""Reading drift reports: those of one window, and the latest of each environment."""

from collections.abc import Iterable
from datetime import datetime

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.serving_state import ServingRole
from platform_core.ports.blob_store import BlobStore
from platform_core.reports import ReportReader, newest_reports, read_documents
from platform_core.storage import DRIFT_REPORTS


def latest_reports(store: BlobStore, reader: ReportReader | None = None) -> list[DriftReport]:
    """Return the latest report of each use case and environment, ordered by both.

    The latest is the one whose window ended last; of several (a window in which two releases
    answered) one of a stable release, then the one written last, then the one with most rows. Only
    the newest folders are read, so the cost does not grow with the history; a `reader` of the store
    makes repeated calls cheap.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    latest: dict[tuple[str, str], DriftReport] = {}
    for report in newest_reports(reader or ReportReader(store), DRIFT_REPORTS, DriftReport):
        key = (report.use_case, report.environment.value)
        if key not in latest or _order(latest[key]) < _order(report):
            latest[key] = report
    return list(latest.values())


def read_reports(store: BlobStore, folder: str) -> list[DriftReport]:
    """Return the reports below `folder`; one that is removed meanwhile is left out.

    Raises:
        InvalidData: a report is not readable.
    """
    return read_documents(store, folder, DriftReport)


def consecutive(reports: Iterable[DriftReport], release_id: str) -> list[DriftReport]:
    """Return the reports of a release whose windows do not overlap, the oldest first.

    Of windows that overlap, the one that ends last is kept, then the longest.
    """
    chain: list[DriftReport] = []
    for report in sorted(reports, key=lambda r: (r.end, r.end - r.start), reverse=True):
        if report.release_id == release_id and (not chain or report.end <= chain[-1].start):
            chain.append(report)
    return chain[::-1]


def _order(report: DriftReport) -> tuple[datetime, bool, datetime, int]:
    tried = report.role in {ServingRole.CANARY, ServingRole.SHADOW}
    return report.end, not tried, report.created_at, report.rows
