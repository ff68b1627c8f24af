"""The reference distribution of one column, into which traffic can be counted.

A numeric column has K `points`: every distinct value, or a fine grid of quantiles. They divide the
line into 2K + 1 cells: below the first point, at it, between it and the second, and so on. Cells
hold counts, so batches of traffic are added up without keeping them, and the empirical distribution
is known exactly at every point and just below it. The position of values between two points is
lost. This does not affect the PSI, whose bins end at points; the KS statistic is too small by at
most the smaller of both sides' shares between two points (`statistics.ks_statistic`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LEAST_DIGITS, MOST_DIGITS = 4, 17
"""Significant digits in the name of a bin."""


@dataclass(frozen=True)
class NumericReference:
    """Reference of a numeric column with `rows` rows, of which `missing` have no value.

    `points` [K] are sorted, `cells` [2K+1] are counts. A bin of the PSI ends at an edge and
    includes it if `edge_included`. Both outer bins are open.
    """

    column: str
    rows: int
    missing: int
    points: np.ndarray
    cells: np.ndarray
    edges: np.ndarray
    edge_included: np.ndarray
    kind: Literal["numeric"] = "numeric"

    def count(self, values: pa.Array) -> np.ndarray:
        """Return the number of `values` (float32 or float64, no nulls) in each cell, [2K+1].

        Sorting the values and searching for the points takes a sixth of the time of searching for
        each value. The counts of parts of the values add up to those of all values.
        """
        numbers = np.sort(values.to_numpy(zero_copy_only=False))
        points = self._points_as(numbers.dtype)
        below = np.empty(2 * len(points) + 2, np.int64)
        below[0], below[-1] = 0, len(numbers)
        below[1:-1:2] = np.searchsorted(numbers, points, side="left")
        below[2:-1:2] = np.searchsorted(numbers, points, side="right")
        return np.diff(below)

    def bins(self, cells: np.ndarray) -> np.ndarray:
        """Return the counts per bin, [edges + 1], from counts per cell, [2K+1]."""
        return np.asarray(np.add.reduceat(cells, self._starts))

    @property
    def bin_names(self) -> tuple[str, ...]:
        """The values of each bin in words, [edges + 1]."""
        if not len(self.edges):
            return ("all values",)
        ends = list(zip(_distinct(self.edges), map(bool, self.edge_included), strict=True))
        (first, with_first), (last, with_last) = ends[0], ends[-1]
        between = (
            f"= {low}" if low == high else f"{low} to {high}"
            for (low, _), (high, _) in pairwise(ends)
        )
        return (
            f"{'≤' if with_first else '<'} {first}",
            *between,
            f"{'>' if with_last else '≥'} {last}",
        )

    def quantiles(self, number: int) -> np.ndarray:
        """Return `number` evenly spaced quantiles, interpolated between points.

        The result is empty if the column has no values.
        """
        if not len(self.points):
            return np.empty(0)
        below = np.cumsum(self.cells)
        knots = np.repeat(self.points, 2)
        shares = np.column_stack([below[0:-1:2], below[1::2]]).ravel() / below[-1]
        return np.asarray(np.interp((np.arange(number) + 0.5) / number, shares, knots))

    def _points_as(self, dtype: np.dtype) -> np.ndarray:
        """Return the points in the type of the values, unless that would change them."""
        points = self.points.astype(dtype)
        return points if np.array_equal(points, self.points) else self.points

    @cached_property
    def _starts(self) -> np.ndarray:
        at = np.searchsorted(self.points, self.edges, side="left")
        return np.concatenate([[0], 2 * at + 1 + self.edge_included]).astype(np.intp)


def _distinct(edges: np.ndarray) -> Sequence[str]:
    """Return the edges with four significant digits, or as many more as tell them apart.

    An edge just below 1 is not called 1: above it there are probabilities.
    """
    named: list[str] = []
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        named = [f"{edge:.{digits}g}" for edge in edges]
        ones = [name == "1" for name in named] == [edge == 1 for edge in edges]
        if ones and len(set(named)) >= len(set(edges.tolist())):
            break
    return named


@dataclass(frozen=True)
class CategoricalReference:
    """Reference of a categorical column: `counts` [categories + 1], the last one for all others."""

    column: str
    rows: int
    missing: int
    categories: tuple[str, ...]
    counts: np.ndarray
    kind: Literal["categorical"] = "categorical"

    def count(self, values: pa.Array) -> np.ndarray:
        """Return the number of `values` in each category, [categories + 1].

        They are strings, or a dictionary of strings, without nulls.
        """
        found, numbers = pc.value_counts(values).flatten()
        known = pa.array(self.categories, pa.string())
        index = pc.index_in(found.cast(pa.string()), known).fill_null(len(self.categories))
        counts = np.zeros(len(self.categories) + 1, np.int64)
        np.add.at(counts, index.to_numpy(), numbers.to_numpy())
        return counts

    def bins(self, counts: np.ndarray) -> np.ndarray:
        """Return `counts`: each category is a bin."""
        return counts

    @property
    def bin_names(self) -> tuple[str, ...]:
        """The categories, and the rest."""
        return (*self.categories, "other")

    @property
    def cells(self) -> np.ndarray:
        """The counts of the reference, under the name of the numeric reference."""
        return self.counts


Reference = NumericReference | CategoricalReference
