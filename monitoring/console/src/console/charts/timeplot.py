"""A value with its interval over time: lines, bands, gaps, limits, and marks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from console.charts.scales import Scale, Tick, TimeScale, value_scale

JOINED = 1.5
"""Readings further apart than so many steps are not joined by a line."""
NEAR_TOP = 12.0
"""The text of a limit above this stands below its line."""
APART, ROWS = 3.0, 4
"""Marks that are closer than this, in percent, have their numbers in rows above each other."""


class Reading(NamedTuple):
    """The value of the window from `start` to `end` with its interval; `None` is unknown.

    Lines join readings of one `group`. `text` is shown on hover, and says why a value is unknown.
    """

    start: datetime
    end: datetime
    value: float | None
    low: float | None = None
    high: float | None = None
    estimated: bool = False
    group: str = ""
    text: str = ""

    @property
    def middle(self) -> datetime:
        """The time at which the reading is drawn."""
        return self.start + (self.end - self.start) / 2


@dataclass(frozen=True)
class Mark:
    """Something that happened: `tone` is that of a badge, `url` leads to more about it.

    An alarm is about the window from `start` to `time`.
    """

    time: datetime
    tone: str
    text: str
    url: str = ""
    by: str = ""
    start: datetime | None = None


@dataclass(frozen=True)
class Limit:
    """A value that is drawn as a line across; `tone` is `limit`, or `axis` for a quiet one."""

    value: float
    text: str
    tone: str = "limit"


class Dot(NamedTuple):
    """A reading; `low` and `high` are the ends of its interval, `None` where there is none.

    An interval is drawn at the dot if it is `alone`; the others are a band.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    estimated: bool
    text: str
    alone: bool = False


@dataclass(frozen=True)
class Span:
    """A part of the time without a value, and why."""

    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Line:
    """The line through some readings as SVG path data."""

    path: str
    estimated: bool


@dataclass(frozen=True)
class PlacedLimit:
    """A limit at its position; `over` says that its text stands above the line."""

    y: float
    text: str
    tone: str
    over: bool


@dataclass(frozen=True)
class PlacedMark:
    """A mark at its position, with the number that the list under the chart explains.

    In a higher `row` it does not cover the number before.
    """

    x: float
    row: int
    number: int
    mark: Mark


@dataclass(frozen=True)
class TimePlot:
    """A chart over time, ready to be drawn; positions are percent from the top left."""

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    bands: Sequence[str]
    dots: Sequence[Dot]
    gaps: Sequence[Span]
    limits: Sequence[PlacedLimit]
    marks: Sequence[PlacedMark]

    @property
    def rows(self) -> int:
        """How many rows of numbers stand above the chart."""
        return 1 + max((mark.row for mark in self.marks), default=0)


def time_plot(
    readings: Sequence[Reading],
    times: TimeScale,
    *,
    limits: Iterable[Limit] = (),
    marks: Iterable[Mark] = (),
    lowest: float = -math.inf,
    highest: float = math.inf,
    step: timedelta = timedelta(hours=1),
) -> TimePlot:
    """Return the chart of `readings`, oldest first; `step` is the usual distance of two."""
    across = list(limits)
    seen = [v for r in readings for v in (r.value, r.low, r.high) if v is not None]
    scale = value_scale([*seen, *(one.value for one in across)], lowest, highest)
    dots = [None if r.value is None else _dot(r, r.value, times, scale) for r in readings]
    runs = _runs(readings, dots, JOINED * step)
    inside = [one for one in marks if times.start <= one.time <= times.end]
    return TimePlot(
        x_ticks=times.ticks,
        y_ticks=scale.ticks,
        lines=[line for run in runs for line in _lines(run)],
        bands=[band for run in runs if (band := _band(run))],
        dots=[dot for run in runs for dot in (run if len(run) > 1 else _alone(run))],
        gaps=[_gap(r, times) for r in readings if r.value is None],
        limits=[PlacedLimit(y := scale.at(o.value), o.text, o.tone, y > NEAR_TOP) for o in across],
        marks=_placed(inside, times),
    )


def _dot(reading: Reading, value: float, times: TimeScale, scale: Scale) -> Dot:
    low, high = (None if v is None else scale.at(v) for v in (reading.low, reading.high))
    x = times.at(reading.middle)
    return Dot(x, scale.at(value), low, high, reading.estimated, reading.text)


def _alone(run: Sequence[Dot]) -> list[Dot]:
    return [dot._replace(alone=True) for dot in run]


def _runs(
    readings: Sequence[Reading], dots: Sequence[Dot | None], apart: timedelta
) -> list[list[Dot]]:
    """Return the dots in runs without a gap between them."""
    runs: list[list[Dot]] = []
    last: Reading | None = None
    for reading, dot in zip(readings, dots, strict=True):
        if dot is None:
            last = None
            continue
        if last and last.group == reading.group and reading.middle - last.middle <= apart:
            runs[-1].append(dot)
        else:
            runs.append([dot])
        last = reading
    return runs


def _lines(run: Sequence[Dot]) -> list[Line]:
    """Return the lines of a run; a line to or from an estimate is that of an estimate."""
    found: list[tuple[list[Dot], bool]] = []
    for one, two in pairwise(run):
        estimated = one.estimated or two.estimated
        if found and found[-1][1] == estimated:
            found[-1][0].append(two)
        else:
            found.append(([one, two], estimated))
    return [Line(_path((dot.x, dot.y) for dot in dots), guess) for dots, guess in found]


def _band(run: Sequence[Dot]) -> str:
    """Return the area between the ends of the intervals, empty for fewer than two of them."""
    upper = [(d.x, d.high) for d in run if d.high is not None and d.low is not None]
    lower = [(d.x, d.low) for d in run if d.high is not None and d.low is not None]
    if len(upper) < 2:  # noqa: PLR2004
        return ""
    return f"{_path([*upper, *reversed(lower)])}z"


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _placed(marks: Sequence[Mark], times: TimeScale) -> list[PlacedMark]:
    placed: list[PlacedMark] = []
    for number, mark in enumerate(marks, 1):
        x = times.at(mark.time)
        last = placed[-1] if placed else None
        row = (last.row + 1) % ROWS if last and x - last.x < APART else 0
        placed.append(PlacedMark(x, row, number, mark))
    return placed


def _gap(reading: Reading, times: TimeScale) -> Span:
    start = times.at(reading.start)
    return Span(start, round(times.at(reading.end) - start, 2), reading.text)
