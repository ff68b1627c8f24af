"""Reading quality reports: those of a day, and the latest of each environment."""

from platform_core.contracts.quality_report import QualityReport
from platform_core.ports.blob_store import BlobStore
from platform_core.reports import ReportReader, newest_reports, read_documents
from platform_core.storage import QUALITY_REPORTS


def read_quality_reports(store: BlobStore, folder: str) -> list[QualityReport]:
    """Return the reports below `folder`; one that is removed meanwhile is left out.

    Raises:
        InvalidData: a report is not readable.
    """
    return read_documents(store, folder, QualityReport)


def latest_quality(store: BlobStore, reader: ReportReader | None = None) -> list[QualityReport]:
    """Return the latest report of each use case, environment and role, ordered by these.

    The latest is the one whose window ended last; of several (a window in which two releases had
    the role) the one with most rows. Only the newest folders are read, so a role that had no
    record for an hour has no report here. A `reader` of the store makes repeated calls cheap.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    latest: dict[tuple[str, str, str], QualityReport] = {}
    for report in newest_reports(reader or ReportReader(store), QUALITY_REPORTS, QualityReport):
        key = (report.use_case, report.environment.value, report.role)
        known = latest.get(key)
        if known is None or (known.end, known.rows) < (report.end, report.rows):
            latest[key] = report
    return [latest[key] for key in sorted(latest)]
