"""Simulated evidence of the confidence sequences, for many pairs of releases at once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from evaluation.comparison import (
    BoundedValues,
    Levels,
    RateCounts,
    more_records_needed,
    more_values_needed,
)
from evaluation.comparison.betting import bets, log_gains, mixture
from evaluation.comparison.rates import log_evidence_below

Counts = tuple[NDArray[np.int64], ...]
# Of the stable release, for each of the candidate's.
STABLE = 9
FIXED = float(norm.ppf(0.95) + norm.ppf(0.8))


@dataclass(frozen=True)
class Simulation(ABC):
    """One kind of evidence: `daily` records of the candidate a day.

    A number needed is stated after `start` records that look as expected.
    """

    name: str
    margin: float
    levels: Levels
    daily: int
    start: int

    def looks(self, days: int) -> NDArray[np.int64]:
        """Return the numbers of the candidate's records at the end of each day."""
        return self.daily * np.arange(1, days + 1)

    @abstractmethod
    def paths(self, pairs: int, looks: NDArray[np.int64], difference: float, seed: int) -> Counts:
        """Return cumulated counts [pairs, looks], where the candidate is worse by `difference`."""

    @abstractmethod
    def below(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence [pairs, looks] that the difference is below `mean`."""

    @abstractmethod
    def above(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence [pairs, looks] that the difference is above `mean`."""

    @abstractmethod
    def normal(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the z statistics [pairs, looks] of a difference of `mean`."""

    @abstractmethod
    def needed(self) -> int:
        """Return the number of further records that is stated after the first ones."""

    @abstractmethod
    def continued(self, counts: Counts) -> Counts:
        """Return the counts with the first records added."""

    @abstractmethod
    def variance(self) -> float:
        """Return the variance of one record's difference, if equally good."""

    def fixed(self) -> str:
        """Return how many records one reading at a fixed number needs for a power of 80 %."""
        return f"{self.variance() * FIXED**2 / self.margin**2:,.0f}"


def share_ever(log_evidence: NDArray[np.float64], error: float) -> float:
    """Return the share of the pairs whose evidence ever suffices."""
    return float((log_evidence >= -np.log(error)).any(axis=1).mean())


class _Values(Simulation):
    """Differences with few values, whose shares follow from the difference of the releases."""

    @property
    @abstractmethod
    def values(self) -> NDArray[np.float64]:
        """The values [V] of a difference."""

    @abstractmethod
    def shares(self, difference: float) -> NDArray[np.float64]:
        """Return how frequent each value is [V]."""

    def paths(self, pairs: int, looks: NDArray[np.int64], difference: float, seed: int) -> Counts:
        """Return cumulated counts."""
        random = np.random.default_rng(seed)
        steps = np.diff(looks, prepend=0)
        drawn = random.multinomial(steps, self.shares(difference), (pairs, len(steps)))
        return (drawn.cumsum(axis=1),)

    def below(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence below `mean`."""
        return mixture(counts[0] @ log_gains(-self.values, -mean, bets(self.margin)))

    def above(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence above `mean`."""
        return mixture(counts[0] @ log_gains(self.values, mean, bets(self.margin)))

    def normal(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return z statistics."""
        n = counts[0].sum(axis=-1)
        average = counts[0] @ self.values / n
        error = np.sqrt(np.maximum(counts[0] @ self.values**2 / n - average**2, 1e-9) / n)
        return (average - mean) / error

    @property
    def _seen(self) -> NDArray[np.int64]:
        expected = self.start * self.shares(0.0)
        seen = expected.astype(np.int64)
        rest = np.argsort(seen - expected)[: self.start - seen.sum()]
        seen[rest] += 1
        return seen

    def needed(self) -> int:
        """Return the number that is stated."""
        values = BoundedValues(self.values, self._seen)
        return more_values_needed(values, self.margin, self.levels.upper) or 0

    def continued(self, counts: Counts) -> Counts:
        """Return the counts with the first records added."""
        return (counts[0] + self._seen,)

    def variance(self) -> float:
        """Return the variance of one difference."""
        return float(self.values**2 @ self.shares(0.0))


@dataclass(frozen=True)
class PairedRecords(_Values):
    """Labelled records of a shadow: in `disagree` of them one release is right, the other wrong."""

    disagree: float = 0.0

    @property
    def values(self) -> NDArray[np.float64]:
        """The values of a difference."""
        return np.array([-1.0, 0.0, 1.0])

    def shares(self, difference: float) -> NDArray[np.float64]:
        """Return how frequent each value is."""
        half = self.disagree / 2
        return np.array([half - difference / 2, 1 - self.disagree, half + difference / 2])


@dataclass(frozen=True)
class Blocks(_Values):
    """A canary's labelled answers, each compared with the stable ones since its last one."""

    rate: float = 0.0

    @cached_property
    def _block(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean losses of the stable answers of a block, and how frequent each is."""
        sizes = np.arange(1, 80)
        chances = (1 / (STABLE + 1)) * (1 - 1 / (STABLE + 1)) ** (sizes - 1)
        found: dict[float, float] = {}
        for size, chance in zip(sizes, chances / chances.sum(), strict=True):
            wrong = np.arange(size + 1)
            for share, weight in zip(wrong / size, binom.pmf(wrong, size, self.rate), strict=True):
                found[round(share, 6)] = found.get(round(share, 6), 0.0) + chance * weight
        means, shares = np.array(list(found)), np.array(list(found.values()))
        kept = shares > 1e-7  # noqa: PLR2004
        return means[kept], shares[kept] / shares[kept].sum()

    @property
    def values(self) -> NDArray[np.float64]:
        """The values of a difference."""
        means = self._block[0]
        return np.concatenate([-means, 1 - means])

    def shares(self, difference: float) -> NDArray[np.float64]:
        """Return how frequent each value is."""
        wrong = self.rate + difference
        return np.concatenate([(1 - wrong) * self._block[1], wrong * self._block[1]])


@dataclass(frozen=True)
class TwoRates(Simulation):
    """Events among the answers of a canary of 10 % and of the stable release."""

    rate: float = 0.0

    def paths(self, pairs: int, looks: NDArray[np.int64], difference: float, seed: int) -> Counts:
        """Return cumulated counts."""
        random, steps = np.random.default_rng(seed), np.diff(looks, prepend=0)
        size = (pairs, len(steps))
        mine = random.binomial(steps, self.rate + difference, size).cumsum(axis=1)
        theirs = random.binomial(STABLE * steps, self.rate, size).cumsum(axis=1)
        return np.broadcast_arrays(looks, mine, STABLE * looks, theirs)

    def below(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence below `mean`."""
        return log_evidence_below(counts, mean, self.margin)  # type: ignore[arg-type]

    def above(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return the log of the evidence above `mean`."""
        n, k, m, j = counts
        return log_evidence_below((n, n - k, m, m - j), -mean, 1 - self.margin)

    def normal(self, counts: Counts, mean: float) -> NDArray[np.float64]:
        """Return z statistics."""
        n, k, m, j = counts
        p, q = k / n, j / m
        error = np.sqrt(np.maximum(p * (1 - p) / n + q * (1 - q) / m, 1e-9))
        return (p - q - mean) / error

    @property
    def _seen(self) -> tuple[int, int, int, int]:
        stable = STABLE * self.start
        return self.start, round(self.start * self.rate), stable, round(stable * self.rate)

    def needed(self) -> int:
        """Return the number that is stated."""
        counts, error = RateCounts(*self._seen), self.levels.upper
        return more_records_needed(counts, self.margin, error, self.margin) or 0

    def continued(self, counts: Counts) -> Counts:
        """Return the counts with the first records added."""
        return tuple(one + seen for one, seen in zip(counts, self._seen, strict=True))

    def variance(self) -> float:
        """Return the variance of one difference."""
        return self.rate * (1 - self.rate) * (1 + 1 / STABLE)
