"""Quality and drift of a use case over time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from console.pages.cards import MeasuredValue, shown_card
from console.pages.platform import applied_changes, of_target, read_release
from console.pages.windows import drift_windows, newest_windows, quality_windows
from console.reports.drift import drift_history, harm_unknown
from console.reports.marks import (
    MOST_ALARMS,
    change_marks,
    drift_alarms,
    newest,
    quality_alarms,
)
from console.reports.quality import (
    SHOWN_WINDOWS,
    gate_words,
    label_words,
    period,
    quality_history,
    source_words,
)
from console.web.errors import PageNotFound
from console.web.values import iso, number, parsed
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import NotFoundError
from mlplatform_client.models.drift import DriftReportPage
from mlplatform_client.models.quality import (
    MetricQuality,
    QualityEstimate,
    QualityReportPage,
)
from platform_core.contracts.tasks import ERROR_METRICS

router = APIRouter()
CARD_AGE = timedelta(hours=1)
"""The card of a release does not change."""
WEEK = timedelta(days=7)
"""The time before the end whose reports the gateway lists."""


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
        applied_changes(visit, *place),
    )
    windows = quality_reports.value.reports if quality_reports.value else []
    roles = newest_reports.value.reports if newest_reports.value else []
    drift = drift_history(drift_reports.value.reports if drift_reports.value else [])
    alarms = [*drift_alarms(drift.reports), *quality_alarms(windows)]
    marks = newest([*change_marks(changes.value or []), *alarms])
    windows = [*(one for one in roles if one.role != "stable"), *windows]
    history = quality_history(windows, metric, slice, marks)
    latest = history.latest
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
        held_out=await _held_out(visit, use_case, latest.release_id if latest else None),
        earlier=_earlier(visit, end, quality_reports.value, drift_reports.value),
        past=end,
        most_alarms=MOST_ALARMS,
        difference_words=difference_words,
        gate_words=gate_words,
        harm_unknown=harm_unknown,
        label_words=label_words,
        period=period,
        source_words=source_words,
        query=_query(use_case, environment, end),
    )


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parsed(text)
    except ValueError:
        raise PageNotFound(f"to={text!r:.80} is not a time.") from None


async def _held_out(
    visit: Visit, use_case: str, release_id: str | None
) -> Mapping[tuple[str, str], MeasuredValue]:
    """Return the metrics of a release on its test rows, by slice `<kind>=<name>` ("" is all rows)
    and metric; none where its card cannot be read.
    """
    if release_id is None:
        return {}

    try:
        known = await read_release(visit, use_case, release_id, max_age=CARD_AGE)
    except NotFoundError:
        return {}
    card = shown_card(known.value)
    found = {("", name): value for name, value in card.metrics.items()}
    for one in card.slices:
        found |= {(f"{one.kind}={one.name}", name): value for name, value in one.metrics.items()}
    return found


def difference_words(live: MetricQuality | QualityEstimate, tested: MeasuredValue) -> str:
    """Return the difference between a live value and that on the test rows of the release."""
    if live.estimate is None or tested.value is None:
        return ""
    difference = live.estimate - tested.value
    side = "lower" if difference < 0 else "higher"
    words = f"live is {number(abs(difference))} {side}" if difference else "live is the same"
    if live.low is None or live.high is None or tested.low is None or tested.high is None:
        return f"{words}; without both intervals it is unknown whether that is chance"
    if live.low <= tested.high and tested.low <= live.high:
        return f"{words}, no clear difference: the intervals overlap"
    worse = (difference > 0) == (live.metric in ERROR_METRICS)
    return f"{words}, clearly {'worse' if worse else 'better'}: the intervals do not overlap"


def _earlier(
    visit: Visit,
    end: datetime | None,
    quality: QualityReportPage | None,
    drift: DriftReportPage | None,
) -> tuple[str, str] | None:
    """Return the name and the URL of the link to the windows before those that are shown."""
    pages = [one for one in (quality, drift) if one is not None and one.reports]
    if not pages:
        return None
    # Windows may overlap, so the next page begins with those that end with the last one here.
    last = [parsed(one.reports[-1].end) for one in pages if one.cursor]
    name = "Earlier windows" if last else "The week before"
    to = max(last) if last else (end or visit.now) - WEEK
    return name, f"?{urlencode(visit.query(to=to.astimezone(UTC).isoformat()))}"


def _query(use_case: str, environment: str, end: datetime | None) -> str:
    given = {"use_case": use_case, "environment": environment, "limit": str(SHOWN_WINDOWS)}
    return urlencode(given | ({"to": iso(end)} if end else {}))
