"""How many more records a verdict needs.

The future is simulated: two releases that are equally good answer more and more records, and the
confidence sequence that is in use is read again and again. The answer is the number of records by
which it has decided in 80 % of the simulations. The records so far count as they were. The random
numbers are always the same, so equal evidence gives an equal answer.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evaluation.comparison.betting import BoundedValues, bets, log_gains, mixture
from evaluation.comparison.rates import RateCounts, log_evidence_below
from evaluation.curves import Floats

POWER = 0.8
# With fewer records, too little is known of how much they vary.
MIN_RECORDS = 10
# More than anyone will wait for.
MAX_RECORDS = 10_000_000
PATHS, LOOKS = 600, 60
# The ratio of two looks of the first search, and its paths.
COARSE_STEP, COARSE_PATHS = 1.5, 100

Evidence = Callable[[NDArray[np.int64], int], Floats]
"""The log of the evidence [paths, looks], for numbers of further records [looks] and paths."""


def more_values_needed(
    values: BoundedValues, margin: float, error: float, mean: float = 0.0
) -> int | None:
    """Return how many more values show that their mean is below `margin`, if it is `mean`.

    The future values are -1, 0 and 1 with the current second moment, which is where bounded
    values vary most. `None` if there are fewer than 10 values, or no number is enough.
    """
    if len(values) < MIN_RECORDS or mean >= margin:
        return None
    stakes = bets(margin)
    # Bets against "the mean is at least the margin" are bets on the negated values.
    before = values.counts @ log_gains(-values.values, -margin, stakes)
    gains = log_gains(np.array([-1.0, 1.0, 0.0]), -margin, stakes)
    moment = max(values.second_moment, abs(mean))
    shares = np.array([moment + mean, moment - mean, 2 * (1 - moment)]) / 2

    def evidence(further: NDArray[np.int64], paths: int) -> Floats:
        random = np.random.default_rng(0)
        steps = np.diff(further, prepend=0)
        counts = random.multinomial(steps, shares, size=(paths, len(steps)))
        return mixture(before + counts.cumsum(axis=1) @ gains)

    return _records_until(evidence, error)


def more_records_needed(
    counts: RateCounts, margin: float, error: float, expected: float
) -> int | None:
    """Return how many more of the candidate's records show that its rate is at most the stable
    release's plus `margin`, if both rates are equal.

    The stable release gets as many for each of the candidate's as so far. `None` if one of them
    has fewer than 10 records, or no number is enough.
    """
    if min(counts.candidate, counts.stable) < MIN_RECORDS:
        return None
    events = counts.candidate_events + counts.stable_events
    rate = max(events, 0.5) / (counts.candidate + counts.stable)
    ratio = counts.stable / counts.candidate

    def evidence(further: NDArray[np.int64], paths: int) -> Floats:
        random = np.random.default_rng(0)
        sides = []
        for steps, n, k in (
            (further, counts.candidate, counts.candidate_events),
            (np.round(further * ratio).astype(np.int64), counts.stable, counts.stable_events),
        ):
            drawn = random.binomial(np.diff(steps, prepend=0), rate, size=(paths, len(steps)))
            sides += [n + steps, k + drawn.cumsum(axis=1)]
        return log_evidence_below((sides[0], sides[1], sides[2], sides[3]), margin, expected)

    return _records_until(evidence, error)


def more_ratios_needed(slower: int, ratios: int, error: float, shift: float) -> int | None:
    """Return how many more ratios show that their median is below a limit, which `slower` of the
    `ratios` so far exceed, if the further ones exceed it as often.

    `shift` is that of the bets (see `bets`). `None` if there are fewer than 10 ratios, or no
    number is enough.
    """
    share = (slower + 0.5) / (ratios + 1)
    if ratios < MIN_RECORDS or share >= 1 / 2:
        return None
    gains = log_gains(np.array([1.0, -1.0]), 0.0, bets(shift))
    before = np.array([ratios - slower, slower])

    def evidence(further: NDArray[np.int64], paths: int) -> Floats:
        random = np.random.default_rng(0)
        steps = np.diff(further, prepend=0)
        above = random.binomial(steps, share, size=(paths, len(steps))).cumsum(axis=1)
        signs = np.stack([further - above, above], axis=-1) + before
        return mixture(signs @ gains)

    return _records_until(evidence, error)


def _records_until(evidence: Evidence, error: float) -> int | None:
    """Return the number of further records by which 80 % of the paths have decided."""
    exponents = np.arange(int(np.log(MAX_RECORDS) / np.log(COARSE_STEP)) + 1)
    coarse = np.unique(np.round(COARSE_STEP**exponents).astype(np.int64))
    near = _quantile(evidence(coarse, COARSE_PATHS), coarse, error)
    if near is None:
        return None
    around = np.geomspace(max(near / 4, 1), near * 1.5, LOOKS)
    looks = np.unique(around.round().astype(np.int64))
    return _quantile(evidence(looks, PATHS), looks, error) or near


def _quantile(log_evidence: Floats, looks: NDArray[np.int64], error: float) -> int | None:
    """Return the number between two looks at which the share that has decided is 80 %."""
    decided = np.maximum.accumulate(log_evidence, axis=1) >= -np.log(error)
    shares = decided.mean(axis=0)
    if shares[-1] < POWER:
        return None
    return int(np.ceil(np.interp(POWER, shares, looks)))
