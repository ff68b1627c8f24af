"""The evidence about a canary or shadow: each criterion now and over time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from console.charts import Limit, Reading, TimePlot, time_plot, time_scale
from console.web.values import number, parsed
from mlplatform_client.models.comparisons import (
    Comparison,
    CriterionResult,
    EvidenceHistory,
    EvidenceInterval,
    EvidencePoint,
)
from mlplatform_client.models.releases import EnvironmentState

CRITERIA = {
    "errors": "Errors: share of failed answers",
    "latency_p50": "Latency: typical answer, relative to stable (0.2 is 20 % slower)",
    "latency_p95": "Latency: share of answers slower than stable's 95th percentile",
    "latency_caller": "Latency: what a caller waits for, relative to stable",
    "outputs": "Agreement: mean difference of the answers to the same records",
    "quality": "Quality: mean loss, from labels",
}
"""What each criterion compares, in words; all are differences, and more is worse."""
DRAWN_POINTS = 40
"""A chart shows at most this many points of a history: closer ones cannot be told apart."""
MARGINS, ROOM = 6.0, 1.3
"""How far a chart reaches, in margins, or beyond the newest interval."""


@dataclass(frozen=True)
class CriterionView:
    """A criterion: its result, and the parts of its bar in percent from -reach to +reach."""

    result: CriterionResult
    title: str
    reach: float
    plot: TimePlot | None

    def at(self, value: float) -> float:
        """Return the position of a difference in percent from the left."""
        inside = min(max(value, -self.reach), self.reach)
        return round(50 + 50 * inside / self.reach, 2)


@dataclass(frozen=True)
class _Point:
    """A point of the history: its time, also in words, and its intervals by criterion."""

    time: datetime
    text: str
    intervals: Mapping[str, EvidenceInterval]

    @classmethod
    def of(cls, point: EvidencePoint) -> Self:
        time = parsed(point.updated)
        return cls(time, f"{time:%d %b %H:%M:%S} UTC", by_criterion(point))


def criteria(comparison: Comparison, points: Sequence[EvidencePoint]) -> Sequence[CriterionView]:
    """Return the criteria of a comparison, each with its chart if it has some of `points`."""
    drawn = [_Point.of(one) for one in _drawn(points)]
    return [_view(one, comparison.started, drawn) for one in comparison.criteria]


def by_criterion(point: EvidencePoint) -> Mapping[str, EvidenceInterval]:
    """Return the intervals of a point by the names of their criteria."""
    return {one.name: one for one in point.criteria}


def evidence_points(
    comparison: Comparison, history: EvidenceHistory | None
) -> Sequence[EvidencePoint]:
    """Return how the evidence grew, oldest first; the last point is the comparison itself.

    Labels change a comparison without a newer record, and its history has no point for them.
    """
    if history is None or (history.change_id, history.stable_release) != (
        comparison.change_id,
        comparison.stable_release,
    ):
        return []
    before = [one for one in history.points if one.updated < comparison.updated]
    if not comparison.candidate_answers:
        return before
    now = comparison.model_dump(include=set(EvidencePoint.model_fields))
    return [*before, EvidencePoint.model_validate(now)]


def _drawn(points: Sequence[EvidencePoint]) -> Sequence[EvidencePoint]:
    """Return at most `DRAWN_POINTS` of the points, evenly spaced, with the last one."""
    every = math.ceil(len(points) / DRAWN_POINTS) or 1
    return points[(len(points) - 1) % every :: every]


def still_needed(comparison: Comparison) -> str:
    """Return how many records an undecided comparison still needs, in words.

    Every criterion must be decided, so the largest known number is a lower limit of those that
    are needed where that of another criterion is unknown.
    """
    if comparison.verdict != "undecided":
        return ""
    if comparison.needed is not None:
        return f"{comparison.needed:,} more needed"
    open_criteria = (one for one in comparison.criteria if one.verdict == "undecided")
    known = [one.needed for one in open_criteria if one.needed is not None]
    if known:
        return f"at least {max(known):,} more needed"
    return "unknown how many more are needed"


def is_present(comparison: Comparison, state: EnvironmentState | None) -> bool | None:
    """Return whether the candidate still has its role; `None` where that is unknown."""
    if state is None:
        return None
    found = {"canary": state.state.canary, "shadow": state.state.shadow}.get(comparison.role)
    return found is not None and found.release_id == comparison.candidate_release


def _view(result: CriterionResult, started: datetime, points: Sequence[_Point]) -> CriterionView:
    ends = [abs(v) for v in (result.lower, result.upper, result.estimate) if v is not None]
    reach = max([MARGINS * result.margin, *(ROOM * one for one in ends)]) or 1.0
    title = CRITERIA.get(result.name, result.name.replace("_", " "))
    return CriterionView(result, title, reach, _plot(result, reach, started, points))


def _plot(
    result: CriterionResult, reach: float, started: datetime, points: Sequence[_Point]
) -> TimePlot | None:
    readings = list(_readings(result.name, points))
    if not readings:
        return None
    start, end = parsed(started), readings[-1].end
    return time_plot(
        readings,
        time_scale(start, end, timedelta(minutes=1)),
        limits=[Limit(result.margin, f"margin {result.margin:g}"), Limit(0.0, "", "axis")],
        lowest=-reach,
        highest=reach,
        step=max(end - start, timedelta(minutes=1)),
    )


def _readings(name: str, points: Sequence[_Point]) -> Iterator[Reading]:
    for point in points:
        found = point.intervals.get(name)
        if found is not None:
            text = f"{point.text}, {_words(found)}"
            yield Reading(
                point.time, point.time, found.estimate, found.lower, found.upper, text=text
            )


def _words(one: EvidenceInterval) -> str:
    records = f"{one.candidate_records:,} records"
    if one.estimate is None:
        return f"{records}: unknown"
    return f"{records}: {number(one.estimate)} [{number(one.lower)}, {number(one.upper)}]"
