"""How sure a metric is: confidence intervals by a bootstrap over clusters.

Rows of one cluster (near duplicates) stand or fall together, so clusters are drawn, not rows:
drawing rows would make the interval narrower than the data deserve (Field and Welsh 2007,
"Bootstrapping clustered data", JRSS B 69). The interval is the percentile interval (Efron and
Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from releases.metrics import one_hot
from releases.weighted import Answered, weighted_metrics
from use_cases import UseCase

CONFIDENCE = 0.95
RESAMPLES = 1_000
# Weights drawn in all, resamples x rows: a few seconds. More rows get fewer resamples.
DRAWN = 20_000_000
FEWEST_RESAMPLES = 200
# Weights kept in memory at once.
CHUNK = 500_000
# Below this share of resamples in which a metric exists its interval would be of something else.
DEFINED_SHARE = 0.95


@dataclass(frozen=True)
class Interval:
    """Where a metric lies with 95 % confidence."""

    low: float
    high: float


def intervals(
    use_case: UseCase,
    labels: pa.Array,
    probabilities: np.ndarray,
    predictions: pa.Array,
    clusters: pa.Array,
    seed: int,
) -> dict[str, Interval]:
    """Return 95 % intervals, by name, of the metrics that `weighted_metrics` knows.

    `clusters` names each row's cluster; the other arguments are those of `evaluate`. There are
    1,000 resamples up to 20,000 rows; beyond, fewer, but never below 200. The same seed gives
    the same intervals.

    A metric that every resample finds the same (no error in these rows) says nothing of how
    sure it is. For a positive class `recall` and `false_positive_rate` are then the exact
    binomial interval of their clusters (Clopper and Pearson 1934, Biometrika 26), `accuracy`
    likewise; other metrics have no interval. Nor has one that too few resamples allow.
    """
    answered = Answered.of(use_case, labels, probabilities, predictions)
    numbers = clusters.dictionary_encode().indices.to_numpy()
    drawn: dict[str, list[np.ndarray]] = {}
    for weights in _weights(numbers, seed):
        for name, values in weighted_metrics(answered, weights).items():
            drawn.setdefault(name, []).append(values)
    found = {name: _percentiles(np.concatenate(parts)) for name, parts in drawn.items()}
    exact = _exact(use_case, labels, predictions, numbers)
    return {
        name: interval
        for name, given in found.items()
        if (interval := given or exact.get(name)) is not None
    }


def resamples(rows: int) -> int:
    """Return how many resamples `rows` rows get."""
    return int(np.clip(DRAWN // max(rows, 1), FEWEST_RESAMPLES, RESAMPLES))


def _weights(numbers: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, [resamples, N] in chunks."""
    random = np.random.default_rng(seed)
    count = int(numbers.max(initial=-1)) + 1
    wanted = resamples(len(numbers))
    step = max(1, CHUNK // max(len(numbers), 1))
    for start in range(0, wanted, step):
        size = min(step, wanted - start)
        drawn = random.integers(count, size=(size, count)) + np.arange(size)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield times[:, numbers].astype(np.float64)


def _percentiles(values: np.ndarray) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < DEFINED_SHARE * len(values) or not np.ptp(defined) > 0:
        return None
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def _exact(
    use_case: UseCase, labels: pa.Array, predictions: pa.Array, numbers: np.ndarray
) -> dict[str, Interval]:
    """Return the exact interval of each share that is 0 or 1 in these rows."""
    truth, answered = one_hot(use_case, labels), one_hot(use_case, predictions)
    right = (truth == answered).all(axis=1)
    shares = {"accuracy": (right, np.ones_like(right))}
    if use_case.positive is not None:
        positive = use_case.classes.index(use_case.positive)
        y, said = truth[:, positive].astype(bool), answered[:, positive].astype(bool)
        shares |= {"recall": (said, y), "false_positive_rate": (said, ~y)}
    found = {}
    for name, (hits, among) in shares.items():
        outcomes, n = set(hits[among].tolist()), len(np.unique(numbers[among]))
        if len(outcomes) == 1:
            found[name] = _clopper_pearson(outcomes.pop(), n)
    return found


def _clopper_pearson(every: bool, n: int) -> Interval:
    """Return the interval for every one or none of `n`: its free end in closed form."""
    end = float(((1 - CONFIDENCE) / 2) ** (1 / n))
    return Interval(end, 1.0) if every else Interval(0.0, 1 - end)
