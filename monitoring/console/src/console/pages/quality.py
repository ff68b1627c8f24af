"""Quality and drift of a use case over time."""

import asyncio
from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from console.gateway.known import Known
from console.pages.platform import of_target
from console.pages.windows import drift_windows, newest_windows, quality_windows
from console.reports.drift import DriftOverTime, drift_history
from console.reports.marks import change_marks, drift_alarms, newest, quality_alarms
from console.reports.quality import (
    METHODS,
    SHOWN_WINDOWS,
    QualityOverTime,
    period,
    quality_history,
)
from console.web.errors import PageNotFound
from console.web.values import iso, parsed
from console.web.visit import SignedIn, Visit
from mlplatform_client.models.changes import ChangeDocument

router = APIRouter()
CHANGES = 50
CHANGES_AGE = timedelta(seconds=5)


@router.get("/use-cases/{use_case}/quality")
async def quality(
    visit: SignedIn,
    use_case: str,
    environment: str = "production",
    metric: str = "",
    slice: str = "",  # noqa: A002 - name of the query
    to: str = "",
) -> Response:
    """Show the quality and the drift of the stable release, until now or until a time."""
    end = _time(to)
    await visit.check(use_case, environment)
    states = await visit.read("states", visit.api.releases.states)
    place = (use_case, environment)
    quality_reports, newest_reports, drift_reports, changes = await asyncio.gather(
        quality_windows(visit, *place, end),
        newest_windows(visit, *place, end),
        drift_windows(visit, *place, end),
        _changes(visit, *place),
    )
    windows = quality_reports.value.reports if quality_reports.value else []
    roles = newest_reports.value.reports if newest_reports.value else []
    drift = drift_history(drift_reports.value.reports if drift_reports.value else [])
    alarms = [*drift_alarms(drift.reports), *quality_alarms(windows)]
    marks = newest([*change_marks(changes.value or []), *alarms])
    windows = [*(one for one in roles if one.role != "stable"), *windows]
    history = quality_history(windows, metric, slice, marks)
    return await visit.use_case_page(
        "quality.html",
        "Quality and drift",
        use_case,
        environment=environment,
        quality_reports=quality_reports,
        drift_reports=drift_reports,
        history=history,
        drift=drift,
        state=of_target(states, use_case, environment),
        states=states,
        earlier=_earlier(visit, history, drift),
        past=end,
        methods=METHODS,
        period=period,
        query=_query(use_case, environment, end),
    )


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parsed(text)
    except ValueError:
        raise PageNotFound(f"to={text!r:.80} is not a time.") from None


async def _changes(visit: Visit, use_case: str, environment: str) -> Known[list[ChangeDocument]]:
    async def read() -> list[ChangeDocument]:
        listed = visit.api.changes.list(
            use_case=use_case, environment=environment, status="applied", page_size=CHANGES
        )
        return (await listed.page()).changes

    return await visit.read(f"applied {use_case} {environment}", read, CHANGES_AGE)


def _earlier(visit: Visit, history: QualityOverTime, drift: DriftOverTime) -> str:
    """Return the link to the windows before those that are shown, empty if there are none."""
    starts = [parsed(row.report.start) for row in history.rows[-1:]]
    starts += [parsed(one.start) for one in drift.reports[-1:]]
    if not starts:
        return ""
    return f"?{urlencode(visit.query(to=iso(max(starts) - timedelta(seconds=1))))}"


def _query(use_case: str, environment: str, end: datetime | None) -> str:
    given = {"use_case": use_case, "environment": environment, "limit": str(SHOWN_WINDOWS)}
    return urlencode(given | ({"to": iso(end)} if end else {}))
