"""The earlier reports of a release, from which its sequential test continues."""

from datetime import timedelta

from drift_detector.window import EPOCH, Window
from evaluation.drift import LONGEST
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import drift_report_date_folder

DAY, MONTH = timedelta(days=1), timedelta(days=31)


def tested_reports(
    store: BlobStore, use_case: str, environment: Environment, window: Window
) -> list[DriftReport]:
    """Return the reports with a sequential test on windows that ended before `window`.

    They go back as many windows of the same length as the test looks back, but at most a month.

    Raises:
        InvalidData: a report is not readable.
    """
    since = max(window.start - min(LONGEST * (window.end - window.start), MONTH), EPOCH)
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while day <= window.start:
        found += read_reports(store, drift_report_date_folder(use_case, environment, day))
        day += DAY
    return [r for r in found if r.looks and since <= r.start and r.end <= window.start]
