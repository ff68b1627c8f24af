"""The reports of a use case and environment, window by window, and since when they alarm."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from console.charts import Mark
from console.gateway.value_cache import CachedValue
from console.reports.marks import drift_alarms, newest, quality_alarms
from console.reports.quality import SHOWN_WINDOWS
from console.web.visit import Visit
from mlplatform_client.endpoints import AsyncPages, PageT
from mlplatform_client.models.drift import DriftReportPage
from mlplatform_client.models.quality import QualityReportPage

NEWEST = 4
"""Reports of all roles, enough for the newest window: stable, canary and shadow."""
REPORTS_AGE = timedelta(seconds=30)
STABLE: dict[str, Any] = {"role": "stable", "page_size": SHOWN_WINDOWS}


async def drift_windows(
    visit: Visit, use_case: str, environment: str, end: datetime | None = None
) -> CachedValue[DriftReportPage]:
    """Return the drift reports of the stable release until now or `end`, newest first."""
    pages = visit.api.reports.drift(use_case, environment=environment, end=end, **STABLE)
    return await _page(visit, f"drift {use_case} {environment}", end, pages)


async def quality_windows(
    visit: Visit, use_case: str, environment: str, end: datetime | None = None
) -> CachedValue[QualityReportPage]:
    """Return the quality reports of the stable release, like `drift_windows`."""
    pages = visit.api.reports.quality(use_case, environment=environment, end=end, **STABLE)
    return await _page(visit, f"quality {use_case} {environment}", end, pages)


async def newest_windows(
    visit: Visit, use_case: str, environment: str, end: datetime | None = None
) -> CachedValue[QualityReportPage]:
    """Return the quality reports for the newest window, all roles."""
    pages = visit.api.reports.quality(use_case, environment=environment, end=end, page_size=NEWEST)
    return await _page(visit, f"roles {use_case} {environment}", end, pages)


async def harmful_since(
    visit: Visit, use_case: str, environment: str, end: datetime | None
) -> datetime | None:
    """Return when the first of the consecutive harmful windows up to `end` ended, if known."""
    known = await drift_windows(visit, use_case, environment)
    return _start_of_alarm(drift_alarms(known.value.reports if known.value else ()), end)


async def below_gate_since(
    visit: Visit, use_case: str, environment: str, end: datetime | None
) -> datetime | None:
    """Return when the first of the consecutive windows below a gate up to `end` ended, if known."""
    known = await quality_windows(visit, use_case, environment)
    return _start_of_alarm(quality_alarms(known.value.reports if known.value else ()), end)


def _start_of_alarm(alarms: Iterable[Mark], end: datetime | None) -> datetime | None:
    alarms = [one for one in alarms if one.tone == "bad"]
    # The windows may have been read before the newest report was written.
    if end not in {one.time for one in alarms}:
        return None
    return newest(alarms)[-1].time


async def _page(
    visit: Visit, name: str, end: datetime | None, pages: AsyncPages[PageT, Any]
) -> CachedValue[PageT]:
    age = REPORTS_AGE if end is None else timedelta(0)
    return await visit.read(f"windows of {name} {end}", pages.page, age, keep=end is None)
