"""The findings of the drift reports about the release that is stable now."""

from datetime import datetime, timedelta

from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.policies import WindowFindings, findings_of
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import drift_report_date_folder

LONGEST = timedelta(days=7)
DAY = timedelta(days=1)


def stable_findings(
    store: BlobStore,
    use_case: str,
    environment: Environment,
    release_id: str,
    since: datetime,
    now: datetime,
    length: timedelta,
) -> list[WindowFindings]:
    """Return the findings of the windows of `length`, oldest first, of a release that is stable
    since `since`. Windows that ended more than seven days ago do not count.

    Raises:
        InvalidData: a report is not readable.
        Unavailable: the store does not answer.
    """
    day, reports = max(since, now - LONGEST), []
    while day.date() <= now.date():
        reports += read_reports(store, drift_report_date_folder(use_case, environment, day))
        day += DAY
    return findings_of(reports, release_id, since, length)
