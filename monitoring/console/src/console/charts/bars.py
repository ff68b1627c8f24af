"""Strips of states over time, and bars that compare two distributions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.charts.scales import TimeScale


@dataclass(frozen=True)
class StripCell:
    """A part of a strip, in percent, that has one state; `text` is shown on hover."""

    x: float
    width: float
    state: str
    text: str


@dataclass(frozen=True)
class Strip:
    """The states of something over time; what is not covered is not measured."""

    cells: Sequence[StripCell]


@dataclass(frozen=True)
class ShareBar:
    """A bin or category: its shares, and the lengths of their bars in percent of the longest."""

    name: str
    baseline: float
    share: float
    baseline_length: float
    length: float


def strip(states: Iterable[tuple[datetime, datetime, str]], times: TimeScale) -> Strip:
    """Return a strip of `(start, end, state)`, oldest first; equal neighbours become one cell."""
    merged: list[tuple[datetime, datetime, str, int]] = []
    for start, end, state in states:
        last = merged[-1] if merged else None
        if last and last[2] == state and last[1] >= start:
            merged[-1] = (last[0], end, state, last[3] + 1)
        else:
            merged.append((start, end, state, 1))
    return Strip([_cell(one, times) for one in merged])


def share_bars(
    names: Sequence[str], baseline: Sequence[float], now: Sequence[float]
) -> Sequence[ShareBar]:
    """Return the shares of two sets of counts, side by side; bins that neither has are left out."""
    before = [one / (sum(baseline) or 1) for one in baseline]
    after = [one / (sum(now) or 1) for one in now]
    longest = max([*before, *after], default=0) or 1
    return [
        ShareBar(name, one, two, round(100 * one / longest, 2), round(100 * two / longest, 2))
        for name, one, two in zip(names, before, after, strict=True)
        if one or two
    ]


def _cell(one: tuple[datetime, datetime, str, int], times: TimeScale) -> StripCell:
    start, end, state, windows = one
    left = times.at(start)
    period = f"{start:%d %b %H:%M} to {end:%d %b %H:%M} UTC"
    counted = f", {windows} windows" if windows > 1 else ""
    text = f"{period}: {state.replace('-', ' ')}{counted}"
    return StripCell(left, round(times.at(end) - left, 2), state, text)
