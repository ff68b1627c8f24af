"""The reports of a use case and environment, window by window, and since when they alarm."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from console.charts import Mark
from console.gateway.known import Known
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
) -> Known[DriftReportPage]:
    """Return the drift reports of the stable release until now or `end`, newest first."""
    pages = visit.api.reports.drift(use_case, environment=environment, end=end, **STABLE)
    return await _page(visit, f"drift {use_case} {environment}", end, pages)


async def quality_windows(
    visit: Visit, use_case: str, environment: str, end: datetime | None = None
) -> Known[QualityReportPage]:
    """Return the quality reports of the stable release, like `drift_windows`."""
    pages = visit.api.reports.quality(use_case, environment=environment, end=end, **STABLE)
    return await _page(visit, f"quality {use_case} {environment}", end, pages)


async def newest_windows(
    visit: Visit, use_case: str, environment: str, end: datetime | None = None
) -> Known[QualityReportPage]:
    """Return the quality reports of all roles about the newest window."""
    pages = visit.api.reports.quality(use_case, environment=environment, end=end, page_size=NEWEST)
    return await _page(visit, f"roles {use_case} {environment}", end, pages)


async def harmful_since(visit: Visit, use_case: str, environment: str) -> datetime | None:
    """Return when the first of the newest consecutive harmful windows ended, if that is known."""
    known = await drift_windows(visit, use_case, environment)
    return _begun(drift_alarms(known.value.reports if known.value else ()))


async def below_gate_since(visit: Visit, use_case: str, environment: str) -> datetime | None:
    """Return when the first of the newest consecutive windows below a gate ended, if known."""
    known = await quality_windows(visit, use_case, environment)
    return _begun(quality_alarms(known.value.reports if known.value else ()))


def _begun(alarms: Iterable[Mark]) -> datetime | None:
    begun = newest(one for one in alarms if one.tone == "bad")
    return begun[-1].time if begun else None


async def _page(
    visit: Visit, name: str, end: datetime | None, pages: AsyncPages[PageT, Any]
) -> Known[PageT]:
    age = REPORTS_AGE if end is None else timedelta(0)
    return await visit.read(f"windows of {name} {end}", pages.page, age, keep=end is None)
