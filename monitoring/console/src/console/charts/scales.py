"""From values and times to positions in percent, with evenly spaced ticks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MOST_STEPS = 5
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
FLAT = 0.05
"""The height of a scale, in parts of its value, if all values are the same."""
TIME_STEPS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 40320)
)


@dataclass(frozen=True)
class Tick:
    """A label at a position in percent; `more` is a second line."""

    at: float
    text: str
    more: str = ""


@dataclass(frozen=True)
class Scale:
    """The values from `low` to `high`, which are ticks as well."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """Return the position in percent from the top, clipped to [0, 100]."""
        inside = min(max(value, self.low), self.high)
        return round(100 * (self.high - inside) / (self.high - self.low), 2)

    @property
    def ticks(self) -> Sequence[Tick]:
        """The labels, from the lowest."""
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        digits += not math.isclose(round(self.step, digits), self.step, rel_tol=1e-6)
        count = round((self.high - self.low) / self.step)
        values = [self.low + number * self.step for number in range(count + 1)]
        return [Tick(self.at(one), f"{one:.{digits}f}".replace("-", "\u2212")) for one in values]


@dataclass(frozen=True)
class TimeScale:
    """The times from `start` to `end`."""

    start: datetime
    end: datetime

    def at(self, time: datetime) -> float:
        """Return the position of a time in percent; outside it is that of the end."""
        inside = min(max(time, self.start), self.end)
        return round(100 * ((inside - self.start) / (self.end - self.start)), 2)

    @property
    def ticks(self) -> Sequence[Tick]:
        """At most six labels at round times in UTC; the date where it changes."""
        length = self.end - self.start
        step = next((s for s in TIME_STEPS if length / s <= MOST_STEPS), TIME_STEPS[-1])
        midnight = self.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        time = midnight + math.ceil((self.start - midnight) / step) * step
        found: list[Tick] = []
        day = None
        if time > self.end:  # no round time is inside
            clock, date = (f"{self.start.astimezone(UTC):{one}}" for one in ("%H:%M:%S", "%-d %b"))
            return [Tick(0.0, clock, date)]
        while time <= self.end and len(found) <= MOST_STEPS:
            date = "" if time.date() == day else f"{time.day} {time:%b}"
            clock = f"{time:%H:%M}"
            whole = step >= timedelta(days=1)
            found.append(Tick(self.at(time), date if whole else clock, "" if whole else date))
            day, time = time.date(), time + step
        return found


def value_scale(
    values: Iterable[float], lowest: float = -math.inf, highest: float = math.inf
) -> Scale:
    """Return a scale with round ends that holds all values, within `lowest` and `highest`."""
    found = [one for one in values if math.isfinite(one)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-12):
        pad = abs(low) * FLAT or FLAT
        low, high = low - pad, high + pad
    low, high = max(low, lowest), min(high, highest)
    rough = (high - low) / MOST_STEPS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(one * magnitude for one in STEPS if one * magnitude >= rough * (1 - 1e-9))
    bottom = math.floor(low / step + 1e-9) * step
    top = math.ceil(high / step - 1e-9) * step
    return Scale(bottom, top, step)


def time_scale(
    start: datetime, end: datetime, least: timedelta = timedelta(minutes=1)
) -> TimeScale:
    """Return a scale that ends at `end` and is at least `least` long."""
    return TimeScale(min(start, end - least), end)
