"""The base class of all kinds of columns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from use_cases.blocks.profile import ColumnProfile
from use_cases.interface import MonitoredColumn


@dataclass(frozen=True)
class Computed:
    """The features of one column of N records: texts (string [N] each) and numbers [N, K]."""

    texts: tuple[pa.Array, ...]
    numbers: np.ndarray


@dataclass(frozen=True)
class Draw:
    """`rows` values to draw with `random`; `drift` from 0 to 1 moves their distribution."""

    random: np.random.Generator
    rows: int
    drift: float

    def absent(self, profile: ColumnProfile) -> np.ndarray:
        """Return which values [N] are missing."""
        return self.random.random(self.rows) < profile.missing

    def numbers(self, profile: ColumnProfile) -> np.ndarray:
        """Return N numbers, moved by `drift` times their spread."""
        points = np.array(profile.quantiles or (0.0,))
        values = np.interp(self.random.random(self.rows), np.linspace(0, 1, len(points)), points)
        spread = points[-1] - points[0]
        digits = 0 if profile.whole else max(0, 3 - floor(log10(spread or 1.0)))
        moved: np.ndarray = np.round(values + self.drift * spread, digits)
        return moved

    def levels(self, profile: ColumnProfile) -> list[str]:
        """Return N texts by their shares; `drift` makes rare texts frequent."""
        names = sorted(profile.shares, key=lambda name: (-profile.shares[name], name))
        shares = np.array([profile.shares[name] for name in names])
        shares = (1 - self.drift) * shares + self.drift * shares[::-1]
        return [
            names[i] for i in self.random.choice(len(names), self.rows, p=shares / shares.sum())
        ]


class Block(ABC):
    """One or more columns of a record that are declared alike.

    Everything else about a column follows from its block: the field of the record, the features
    and how they are computed, golden values, monitored columns and slices.
    """

    names: tuple[str, ...]
    """The columns, as the data and the callers name them."""
    nullable: bool = False
    """Whether a value may be missing."""
    is_text: ClassVar[bool] = False
    """Whether it is free text, which a model cuts into words."""

    @abstractmethod
    def field(self, name: str) -> tuple[Any, Any]:
        """Return the pydantic type and the default of a column's field."""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the names of the text features of a column."""
        del name
        return ()

    @abstractmethod
    def numbers(self, name: str) -> tuple[str, ...]:
        """Return the names of the numbers that a column becomes."""

    @abstractmethod
    def compute(self, column: pa.Array) -> Computed:
        """Return the features of a column of N values, each from its own value alone."""

    @abstractmethod
    def golden(self) -> Sequence[Any]:
        """Return values that exercise every branch of `compute`."""

    @abstractmethod
    def measure(self, column: pa.Array) -> ColumnProfile:
        """Return the profile of a column of N values."""

    @abstractmethod
    def assumed(self, place: float) -> ColumnProfile:
        """Return a plausible profile where none was measured; `place` from 0 to 1 tells classes
        apart.
        """

    @abstractmethod
    def sample(self, profile: ColumnProfile, draw: Draw) -> pa.Array:
        """Return values drawn from a profile, of the column's type in the record schema."""

    def monitored(self, name: str) -> tuple[MonitoredColumn, ...]:
        """Return the features of a column whose drift is monitored."""
        return tuple(MonitoredColumn(number) for number in self.numbers(name))

    def slices(self, column: pa.Array) -> pa.Array | None:
        """Return the slice (string) of each value, `None` where the column makes no slices."""
        del column
        return None

    @property
    def slice_names(self) -> tuple[str, ...]:
        """The names that `slices` gives."""
        return ()

    def problems(self, name: str) -> list[str]:
        """Return the contradictions in the declaration of a column."""
        del name
        return []
