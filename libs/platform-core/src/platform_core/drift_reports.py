"""Reading drift reports: those of one window, and the latest of each environment."""

from datetime import datetime

from pydantic import ValidationError

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import DRIFT_REPORTS, is_partition


def latest_reports(store: BlobStore) -> list[DriftReport]:
    """Return the latest report of each use case and environment, ordered by both.

    The latest is the one whose window ended last; of several (a window in which two releases
    answered) one of a stable release, then the one written last, then the one with most rows. Only
    the newest folders are read, so the cost does not grow with the history.

    Raises:
        InvalidData: a report is not readable.
        UpstreamUnavailable: the store cannot be reached.
    """
    latest = []
    for use_case in _partitions(store, DRIFT_REPORTS, "use_case"):
        for environment in _partitions(store, use_case, "environment"):
            reports = _newest_folder(store, environment)
            if reports:
                latest.append(max(reports, key=_recency))
    return latest


def read_reports(store: BlobStore, folder: str) -> list[DriftReport]:
    """Return the reports below `folder`; one that is removed meanwhile is left out.

    Raises:
        InvalidData: a report is not readable.
    """
    reports = []
    for blob in store.list(folder):
        if blob.path.endswith(".json"):
            try:
                reports.append(DriftReport.model_validate_json(store.read(blob.path)))
            except BlobNotFound:
                continue
            except ValidationError as error:
                raise InvalidData(
                    f"the drift report {blob.path} is not readable ({error.error_count()} "
                    "errors); remove it and measure its window again"
                ) from error
    return reports


def _recency(report: DriftReport) -> tuple[datetime, bool, datetime, int]:
    tried = report.role in {ServingRole.CANARY, ServingRole.SHADOW}
    return report.end, not tried, report.created_at, report.rows


def _newest_folder(store: BlobStore, folder: str) -> list[DriftReport]:
    for date in reversed(_partitions(store, folder, "date")):
        for hour in reversed(_partitions(store, date, "hour")):
            reports = read_reports(store, hour)
            if reports:
                return reports
    return []


def _partitions(store: BlobStore, folder: str, key: str) -> list[str]:
    return [found for found in store.folders(folder) if is_partition(found, key)]
