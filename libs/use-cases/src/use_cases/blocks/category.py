"""Categories: one of a few texts."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from use_cases.blocks.block import Block, Computed, Draw
from use_cases.blocks.profile import DIGITS, ColumnProfile, shares
from use_cases.interface import MonitoredColumn

OTHER, MISSING = "other", "missing"
MAX_CHARACTERS = 200
MAX_SLICES = 20
"""Columns with more categories make no slices: each would have too few rows."""
BOOLEANS = frozenset({"true", "false"})
_UNUSUAL = ("another value", "yet another value", "some other value")


class Category(Block):
    """One of `values`, which becomes one 0/1 number for each: `contract=month-to-month`.

    A closed set refuses any other value. With `others` it is accepted as
    `contract=other`. With `missing` a value may be absent or null: `contract=missing`.
    """

    def __init__(
        self, *names: str, values: Sequence[str], others: bool = False, missing: bool = False
    ) -> None:
        self.names, self.values = names, tuple(values)
        self.others, self.nullable = others, missing
        rest = [OTHER] * others + [MISSING] * missing
        self.levels = (*self.values, *rest)
        self._unusual = next(text for text in _UNUSUAL if text not in self.values)
        self._known = pa.array(self.values, pa.string())

    def field(self, name: str) -> tuple[Any, Any]:
        """Return one of the values, or any text where the set is open."""
        del name
        text = Annotated[str, Field(max_length=MAX_CHARACTERS)]
        kind: Any = text if self.others else Literal[self.values]
        if self.nullable:
            kind = str | None if self.others else kind | None
        if BOOLEANS.issuperset(self.values):
            kind = Annotated[kind, BeforeValidator(_spelled)]
        return kind, None if self.nullable else ...

    def numbers(self, name: str) -> tuple[str, ...]:
        """Return a number for each value, then for other and missing ones where they may occur."""
        return tuple(f"{name}={level}" for level in self.levels)

    def compute(self, column: pa.Array) -> Computed:
        """Return 0/1 numbers [N, K]. A value outside a closed set gives only zeros."""
        rows, width = len(column), len(self.values)
        place = pc.fill_null(pc.index_in(column, self._known), -1).to_numpy(zero_copy_only=False)
        if self.others:
            place = np.where(place < 0, width, place)
        if self.nullable:
            absent = pc.fill_null(pc.equal(column, ""), True).to_numpy(zero_copy_only=False)
            place = np.where(absent, len(self.levels) - 1, place)
        block = np.zeros((rows, len(self.levels)), np.float32)
        known = place >= 0
        block[np.flatnonzero(known), place[known]] = 1
        return Computed((), block)

    def golden(self) -> Sequence[Any]:
        """Return every value, one that is not among them, and a missing one."""
        return [
            *self.values,
            *([self._unusual] if self.others else []),
            *([None] if self.nullable else []),
        ]

    def monitored(self, name: str) -> tuple[MonitoredColumn, ...]:
        """Return the category as one column."""
        return (MonitoredColumn(name, "categorical", self.numbers(name)),)

    def slices(self, column: pa.Array) -> pa.Array | None:
        """Return the value, `other` for values outside the set, `missing` for missing ones."""
        if not self.slice_names:
            return None
        block = self.compute(column).numbers
        levels = pa.array(self.levels, pa.string())
        places = pa.array(block.argmax(axis=1), mask=~block.any(axis=1))
        return levels.take(places)

    @property
    def slice_names(self) -> tuple[str, ...]:
        """The values, if they are at most `MAX_SLICES`."""
        return self.levels if len(self.levels) <= MAX_SLICES else ()

    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return the share of each value, with `other` for all remaining values."""
        block = self.compute(column).numbers
        counts = dict(zip(self.levels, block.sum(axis=0).astype(int).tolist(), strict=True))
        absent = counts.pop(MISSING, 0) if self.nullable else 0
        return ColumnProfile(
            missing=round(absent / max(1, len(column)), DIGITS), shares=shares(counts)
        )

    def assumed(self, place: float) -> ColumnProfile:
        """Return shares that fall with the distance of a value from `place`."""
        names = self.levels[: len(self.values) + self.others]
        places = np.linspace(0, 1, len(names))
        counts = {
            name: int(100 * (1.1 - abs(p - place))) for name, p in zip(names, places, strict=True)
        }
        return ColumnProfile(missing=0.1 if self.nullable else 0.0, shares=shares(counts))

    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return values; for `other` one that is not among them."""
        levels = draw.levels(profile)
        if self.others:
            levels = [self._unusual if level == OTHER else level for level in levels]
        return pa.array(levels, pa.string(), mask=draw.absent(profile) if self.nullable else None)

    def problems(self, name: str) -> list[str]:
        """Return values that are repeated, too few or too long."""
        if len(set(self.levels)) != len(self.levels):
            twice = next(value for value in self.levels if self.levels.count(value) > 1)
            return [
                f"the category {name!r} has the value {twice!r} twice; with `others` {OTHER!r} is "
                f"taken, and with `missing` {MISSING!r}"
            ]
        if len(self.levels) < 2:  # noqa: PLR2004
            return [f"the category {name!r} has only one value; a model learns nothing from it"]
        if "" in self.values:
            return [f"the category {name!r} has an empty value; use missing=True for it"]
        long = [value for value in self.values if len(value) > MAX_CHARACTERS]
        return [
            f"the category {name!r} has the value {value[:40]!r}… of {len(value)} characters; the "
            f"most are {MAX_CHARACTERS}" for value in long[:1]
        ]  # fmt: skip


def _spelled(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
