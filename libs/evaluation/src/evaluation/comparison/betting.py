"""Confidence sequences for the mean of bounded values, by betting.

The capital of a bet against "the mean is at least m" is, after the values x_1, ..., x_n in [-1, 1],

    K_n(m) = sum_j w_j prod_i (1 - c_j (x_i - m) / (1 - m)),    0 < c_j < 1, sum_j w_j = 1.

If the conditional mean of each value is at least m, K_n(m) is a non-negative supermartingale that
starts at 1, so that it ever reaches 1 / a with a probability of at most a (Ville 1939). K_n grows
with m; the m at which it equals 1 / a is an upper confidence limit that holds for all n at once
(Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B
86, section 4; the mixture instead of a predictable bet as in Orabona and Jun 2024, "Tight
concentrations and confidence sequences from the regret of universal portfolio", IEEE Transactions
on Information Theory 70). Nothing else is assumed of the values: not their distribution, and not
that it stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.curves import Floats
from platform_core.errors import InvalidData

# Values are rounded to this share of their bound, so that the cost of a limit is bounded.
RESOLUTION = 50_000
BETS = 32
LARGEST_BET = 0.99
# Smaller bets are for differences that no margin is about.
SMALLEST_BET = 1e-4
PRECISION = 1e-9


@dataclass(frozen=True)
class BoundedValues:
    """How often each of V values in [-1, 1] was seen: all that the limits depend on.

    `values` [V] is increasing, `counts` [V] are the numbers of records.
    """

    values: Floats
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike, bound: float = 1.0) -> BoundedValues:
        """Count N `values`, divided by `bound`.

        Raises:
            InvalidData: a value is not in [-bound, bound].
        """
        scaled = np.asarray(values, np.float64) / bound
        if not np.all(np.abs(scaled) <= 1):
            raise InvalidData(
                f"the differences must be between {-bound:g} and {bound:g}, not "
                f"{np.asarray(values)[~(np.abs(scaled) <= 1)][0]:g}; clip the losses at {bound:g}"
            )
        distinct, counts = np.unique(scaled, return_counts=True)
        return cls(distinct, counts.astype(np.int64))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def __add__(self, other: BoundedValues) -> BoundedValues:
        """Return the counts of the values of both."""
        values, places = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([self.counts, other.counts]))
        return BoundedValues(values, counts.astype(np.int64))

    def negated(self) -> BoundedValues:
        """Return the values with the other sign."""
        return BoundedValues(-self.values[::-1], self.counts[::-1])

    @property
    def mean(self) -> float | None:
        """The mean, `None` without values."""
        return float(self.values @ self.counts) / len(self) if len(self) else None

    @property
    def second_moment(self) -> float:
        """The mean of the squares, as if at least half a value were 1 or -1: it is never 0."""
        return max(float(self.values**2 @ self.counts), 0.5) / max(len(self), 1)

    def rounded_down(self) -> BoundedValues:
        """Return the values on a grid of 1 / 50,000, no value larger than it was."""
        # Values of the grid itself must stay where they are.
        grid = np.floor(np.round(self.values * RESOLUTION, 6)) / RESOLUTION
        values, places = np.unique(grid, return_inverse=True)
        return BoundedValues(values, np.bincount(places, self.counts).astype(np.int64))


def upper_limit(values: BoundedValues, error: float, scale: float) -> float:
    """Return the limit that the mean exceeds, at any time, with a probability of at most `error`.

    `scale` is the size of the differences that matter (a margin): the limit is tightest for bets
    that decide about such differences.
    """
    return -lower_limit(values.negated(), error, scale)


def lower_limit(values: BoundedValues, error: float, scale: float) -> float:
    """Return the limit that the mean is below, at any time, with a probability of at most `error`.

    `scale` as for `upper_limit`.
    """
    grid = values.rounded_down()
    low, high = -1.0, -1.0 if grid.mean is None else grid.mean
    while high - low > PRECISION:
        middle = (low + high) / 2
        if log_capital_above(grid, middle, scale) >= -np.log(error):
            low = middle
        else:
            high = middle
    return low


def log_capital_above(values: BoundedValues, mean: float, scale: float) -> float:
    """Return the log of the capital of the bets against "the mean is at most `mean`"."""
    gains = log_gains(values.values, mean, bets(scale))
    return float(mixture(values.counts @ gains))


def bets(scale: float) -> Floats:
    """Return the shares c_j [J] of the capital that are staked, from those that suit differences of
    `scale` between values that mostly differ to those that suit certainty.
    """
    smallest = np.clip(scale / 2, SMALLEST_BET, LARGEST_BET / 4)
    return np.geomspace(smallest, LARGEST_BET, BETS)


def log_gains(values: Floats, mean: float, stakes: Floats) -> Floats:
    """Return log(1 + c_j (x - mean) / (1 + mean)) [V, J] for values x [V] and stakes c [J]."""
    return np.log1p(np.outer((values - mean) / (1 + mean), stakes))


def mixture(log_capitals: Floats) -> Floats:
    """Return the log of the mean capital over the bets, the last axis."""
    total = np.logaddexp.reduce(log_capitals, axis=-1)
    return np.asarray(total - np.log(log_capitals.shape[-1]))
