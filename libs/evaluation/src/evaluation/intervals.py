"""Confidence intervals of metrics by a bootstrap over clusters.

Near duplicates are one cluster, and whole clusters are drawn: drawing rows would make the interval
narrower than the data justify (Field and Welsh 2007, "Bootstrapping clustered data", JRSS B 69).
The interval is the percentile interval (Efron and Tibshirani 1993, "An Introduction to the
Bootstrap", chapter 13).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.curves import Floats
from evaluation.metrics import Predictions, weighted_metrics
from evaluation.predictions import LabelledPredictions

CONFIDENCE = 0.95
MAX_RESAMPLES = 1_000
MIN_RESAMPLES = 200
# Bounds resamples x rows, which takes a few seconds.
MAX_DRAWS = 20_000_000
# Weights in memory at a time.
CHUNK = 500_000
# If a metric exists in fewer resamples, its quantiles describe those resamples, not the metric.
DEFINED_SHARE = 0.95

# Resamples that differ by less than this share are the same.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def bootstrap_intervals(rows: Predictions, clusters: pa.Array, seed: int) -> dict[str, Interval]:
    """Return 95 % intervals, by name, of the metrics of `weighted_metrics`.

    `clusters` [N] names the cluster of each row. The same seed gives the same intervals.

    A metric that is the same in every resample (no errors in these rows) gives no bootstrap
    interval. `accuracy` and, with a positive class, `recall` and `false_positive_rate` then have
    the exact binomial interval of their clusters (Clopper and Pearson 1934, "The use of confidence
    or fiducial limits illustrated in the case of the binomial", Biometrika 26); other metrics
    have none. Neither has a metric that is undefined in more than 5 % of the resamples.
    """
    numbers = np.asarray(clusters.dictionary_encode().indices.to_numpy())
    samples: dict[str, list[Floats]] = {}
    for weights in resampled_weights(numbers, seed, resample_count(len(numbers))):
        for name, values in weighted_metrics(rows, weights).items():
            samples.setdefault(name, []).append(values)
    exact = _exact_intervals(rows, numbers) if isinstance(rows, LabelledPredictions) else {}
    intervals = {
        name: _percentile_interval(np.concatenate(parts)) or exact.get(name)
        for name, parts in samples.items()
    }
    return {name: interval for name, interval in intervals.items() if interval is not None}


def resample_count(rows: int) -> int:
    """Return the number of resamples for `rows` rows: 1,000 up to 20,000 rows, then fewer, but
    at least 200.
    """
    return int(np.clip(MAX_DRAWS // max(rows, 1), MIN_RESAMPLES, MAX_RESAMPLES))


def resampled_weights(clusters: NDArray[np.integer], seed: int, total: int) -> Iterator[Floats]:
    """Yield how often each row is drawn in `total` resamples, as chunks of [resamples, N].

    `clusters` [N] are numbers from 0 on. The same seed gives the same weights.
    """
    random = np.random.default_rng(seed)
    count = int(clusters.max(initial=-1)) + 1
    step = max(1, CHUNK // max(len(clusters), 1))
    for start in range(0, total, step):
        size = min(step, total - start)
        drawn = random.integers(count, size=(size, count)) + np.arange(size)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield times[:, clusters].astype(np.float64)


def _percentile_interval(values: Floats) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < DEFINED_SHARE * len(values):
        return None
    if not np.ptp(defined) > ROUNDING * np.abs(defined).max():
        return None
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def _exact_intervals(
    rows: LabelledPredictions, clusters: NDArray[np.integer]
) -> dict[str, Interval]:
    """Return the exact interval of each share that is 0 or 1 in these rows."""
    shares = {"accuracy": (rows.correct, np.ones(len(rows), np.bool_))}
    if rows.positive is not None:
        truth, predicted = rows.labels == rows.positive, rows.predictions == rows.positive
        shares |= {"recall": (predicted, truth), "false_positive_rate": (predicted, ~truth)}
    intervals = {}
    for name, (outcomes, among) in shares.items():
        distinct = set(outcomes[among].tolist())
        if len(distinct) == 1:
            trials = len(np.unique(clusters[among]))
            intervals[name] = _clopper_pearson(distinct.pop(), trials)
    return intervals


def _clopper_pearson(all_succeeded: bool, trials: int) -> Interval:
    """Return the interval for `trials` successes, or for none, in closed form."""
    end = float(((1 - CONFIDENCE) / 2) ** (1 / trials))
    return Interval(end, 1.0) if all_succeeded else Interval(0.0, 1 - end)
