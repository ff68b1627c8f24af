"""A confidence sequence for the difference of two rates, from four counts.

For a release with k events in n records, and p drawn from Beta(a, b), the likelihood ratio

    E(p) = B(a + k, b + n - k) / B(a, b) / (p^k (1 - p)^(n - k))

is a non-negative martingale that starts at 1 if p is the release's rate (Robbins 1970, "Statistical
methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41; Howard,
Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence
sequences", Annals of Statistics 49). The product over the two releases is one for the pair of
rates, whatever the order and the shares in which records arrive. By Ville's inequality the true
pair ever leaves {(p, q): E(p) E(q) < 1 / error} with a probability of at most `error`; the
limits are those of q - p on this set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, xlog1py, xlogy

from evaluation.curves import Floats
from platform_core.errors import InvalidData

# The limits are refined by this factor in each round.
DIVISIONS, ROUNDS = 64, 4


@dataclass(frozen=True)
class RateCounts:
    """Events among the records of each release."""

    candidate: int
    candidate_events: int
    stable: int
    stable_events: int

    def __post_init__(self) -> None:
        sides = (self.candidate_events, self.candidate), (self.stable_events, self.stable)
        for events, records in sides:
            if not 0 <= events <= records:
                raise InvalidData(f"{events} events among {records} records are impossible")

    @classmethod
    def of(cls, candidate: NDArray[np.bool_], events: NDArray[np.bool_]) -> RateCounts:
        """Count N records: whether each is the candidate's, and whether the event happened."""
        return cls(
            int(candidate.sum()),
            int((candidate & events).sum()),
            int((~candidate).sum()),
            int((~candidate & events).sum()),
        )

    def __add__(self, other: RateCounts) -> RateCounts:
        """Return the counts of both."""
        return RateCounts(
            self.candidate + other.candidate,
            self.candidate_events + other.candidate_events,
            self.stable + other.stable,
            self.stable_events + other.stable_events,
        )

    @property
    def difference(self) -> float | None:
        """The candidate's rate minus the stable release's, `None` if one has no records."""
        if not self.candidate or not self.stable:
            return None
        return self.candidate_events / self.candidate - self.stable_events / self.stable


def rate_limits(
    counts: RateCounts, lower_error: float, upper_error: float, expected: float
) -> tuple[float, float]:
    """Return the limits of the candidate's rate minus the stable release's.

    The difference is below the lower limit, at any time, with a probability of at most
    `lower_error`, and above the upper one with at most `upper_error`. `expected` is about how
    frequent the event is; the limits hold without it, and are tightest near it.
    """
    lower = -_upper(_mirrored(counts), lower_error, 1 - expected)
    return lower, _upper(counts, upper_error, expected)


def log_evidence_below(
    counts: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    difference: ArrayLike,
    expected: float,
) -> Floats:
    """Return the log of the evidence against "the candidate's rate is at least the stable release's
    plus `difference`".

    `counts` are those of `RateCounts`, as arrays of one shape, or of one with `difference`.
    """
    n, k, m, j, d = np.broadcast_arrays(*counts, difference)
    p = _nearest_rate(n, k, m, j, d)
    evidence: Floats = _log_ratio(m, j, p, expected) + _log_ratio(n, k, p + d, expected)
    # Where the observed difference is not below `difference`, there is nothing to say.
    observed = k / np.maximum(n, 1) - j / np.maximum(m, 1)
    return np.where((observed >= d) | (n == 0) | (m == 0), np.minimum(evidence, 0.0), evidence)


def _upper(counts: RateCounts, error: float, expected: float) -> float:
    observed = counts.difference
    low, high = (-1.0 if observed is None else observed), 1.0
    arrays = counts.candidate, counts.candidate_events, counts.stable, counts.stable_events
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, DIVISIONS + 1)
        excluded = log_evidence_below(arrays, grid, expected) >= -np.log(error)
        if not excluded.any():
            return high
        first = int(np.argmax(excluded))
        low, high = grid[max(first - 1, 0)], grid[first]
    return float(high)


def _mirrored(counts: RateCounts) -> RateCounts:
    """Return the counts of the records without the event: the difference changes its sign."""
    return RateCounts(
        counts.candidate,
        counts.candidate - counts.candidate_events,
        counts.stable,
        counts.stable - counts.stable_events,
    )


def _nearest_rate(n: Floats, k: Floats, m: Floats, j: Floats, d: Floats) -> Floats:
    """Return the most likely rate p of the stable release if the candidate's is p + d.

    It is the middle root of a cubic equation (Miettinen and Nurminen 1985, "Comparative analysis of
    two rates", Statistics in Medicine 4, appendix 1).
    """
    total, events = np.maximum(n + m, 1).astype(np.float64), k + j
    b = ((n + 2 * m) * d - total - events) / (3 * total)
    c = ((m * d - total - 2 * j) * d + events) / (3 * total)
    e = j * d * (1 - d) / total
    q = b**3 - 1.5 * b * c + e / 2
    r = np.where(q >= 0, 1, -1) * np.sqrt(np.maximum(b**2 - c, 0.0))
    cosine = np.divide(q, r**3, out=np.ones_like(q), where=r != 0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    p = 2 * r * np.cos(angle) - b
    nearest: Floats = np.clip(p, np.maximum(0.0, -d), np.minimum(1.0, 1.0 - d))
    return nearest


def _log_ratio(n: Floats, k: Floats, p: Floats, expected: float) -> Floats:
    """Return log E(p) with a prior whose mean is `expected`."""
    a, b = _prior(expected)
    p = np.clip(p, 0.0, 1.0)
    ratio: Floats = betaln(a + k, b + n - k) - betaln(a, b) - xlogy(k, p) - xlog1py(n - k, -p)
    return ratio


def _prior(expected: float) -> tuple[float, float]:
    """Return a and b with a mean of `expected`, where the rarer outcome has 1/2 (Jeffreys)."""
    odds = expected / (1 - expected)
    return (0.5, 0.5 / odds) if odds <= 1 else (0.5 * odds, 0.5)
