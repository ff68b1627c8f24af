"""The values that the parameters of a candidate may take.

A space maps a parameter to a list of values, the first being its default, to a range with a
default, or to `When`: a parameter that exists only where an earlier one has some value.

    {"solver": ("lbfgs", "saga"), "C": LogUniform(0.01, 100, default=1.0),
     "l1_ratio": When("solver", "saga", Uniform(0, 1, default=0.5))}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# More digits would differ between machines and say nothing.
DIGITS = 6


@dataclass(frozen=True)
class Uniform:
    """Any number from `low` to `high`."""

    low: float
    high: float
    default: float

    def __post_init__(self) -> None:
        """Refuse a range without numbers, or a default outside of it."""
        _check(self, self.low, self.high, self.default)


@dataclass(frozen=True)
class LogUniform:
    """Any number from `low`, above 0, to `high`, equally often in each order of magnitude."""

    low: float
    high: float
    default: float

    def __post_init__(self) -> None:
        """Refuse a range without numbers or not above 0, or a default outside of it."""
        _check(self, self.low, self.high, self.default)
        _check_positive(self, self.low)


@dataclass(frozen=True)
class Integers:
    """Any whole number from `low` to `high`; `log`: equally often in each order of magnitude."""

    low: int
    high: int
    default: int
    log: bool = False

    def __post_init__(self) -> None:
        """Refuse a range without numbers, or a default outside of it."""
        _check(self, self.low, self.high, self.default)
        if self.log:
            _check_positive(self, self.low)


Range = Uniform | LogUniform | Integers


@dataclass(frozen=True)
class When:
    """A parameter that applies only if an earlier one, `parameter`, has `value`."""

    parameter: str
    value: Any
    values: Sequence[Any] | Range


Space = Mapping[str, Sequence[Any] | Range | When]


def _check(given: Range, low: float, high: float, default: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low <= default <= high and low < high):
        raise ValueError(f"{given}: low must be below high, and the default from low to high")


def _check_positive(given: Range, low: float) -> None:
    if low <= 0:
        raise ValueError(f"{given}: low must be above 0 where magnitudes count")


def default_parameters(space: Space) -> dict[str, Any]:
    """Return each parameter's default, without those that do not apply."""
    chosen: dict[str, Any] = {}
    for name, values in present(space, chosen):
        chosen[name] = values.default if isinstance(values, Range) else values[0]
    return chosen


def present(space: Space, chosen: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any] | Range]]:
    """Yield the parameters that apply, in order; `chosen` must hold the values of earlier ones.

    Raises:
        ValueError: a parameter depends on one that is not before it.
    """
    seen: set[str] = set()
    for name, values in space.items():
        if isinstance(values, When):
            if values.parameter not in seen:
                raise ValueError(
                    f"parameter {name!r} depends on {values.parameter!r}, which must be before it"
                )
            if chosen.get(values.parameter, _ABSENT) == values.value:
                yield name, values.values
        else:
            yield name, values
        seen.add(name)


_ABSENT = object()


def combinations(space: Space) -> float:
    """Return how many different settings there are: infinite with a range of numbers."""
    return _combinations(space, list(space), {})


def _combinations(space: Space, names: list[str], chosen: dict[str, Any]) -> float:
    if not names:
        return 1
    name, *later = names
    available = dict(present(space, chosen))
    if name not in available:
        return _combinations(space, later, chosen)
    values = available[name]
    if isinstance(values, Uniform | LogUniform):
        return math.inf
    if isinstance(values, Integers):
        values = range(values.low, values.high + 1)
    deciding = any(isinstance(one, When) and one.parameter == name for one in space.values())
    if not deciding:
        return len(values) * _combinations(space, later, chosen)
    return sum(_combinations(space, later, {**chosen, name: value}) for value in values)


def drawn(values: Sequence[Any] | Range, random: np.random.Generator) -> Any:
    """Return a value at random."""
    if isinstance(values, Uniform):
        return rounded(random.uniform(values.low, values.high), values)
    if isinstance(values, LogUniform):
        exponent = random.uniform(math.log(values.low), math.log(values.high))
        return rounded(math.exp(exponent), values)
    if isinstance(values, Integers):
        return int(random.integers(values.low, values.high, endpoint=True))
    return values[int(random.integers(len(values)))]


def rounded(value: float, within: Uniform | LogUniform) -> float:
    """Return a number with `DIGITS` significant digits in a range."""
    return min(max(float(f"{value:.{DIGITS}g}"), within.low), within.high)
