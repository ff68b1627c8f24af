"""Comparisons on a fixed number of held-out rows, read once.

The difference of a metric between two releases is estimated on the same rows, and its standard
error by a paired bootstrap: both are measured under the same resamples of the rows, in whole
clusters (Efron and Tibshirani 1993, "An Introduction to the Bootstrap"). The candidate is
non-inferior if the one-sided 95 % limit of the difference is below the margin. For the accuracy
this is McNemar's comparison of the rows on which the two disagree. Few disagreements make a
bootstrap too certain, so that one is added in each direction (Agresti and Min 2005, "Simple
improved confidence intervals for comparing matched proportions", Statistics in Medicine 24).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import resample_count, resampled_weights
from evaluation.metrics import Predictions, prediction_metrics, require_metric, weighted_metrics
from evaluation.predictions import LabelledPredictions
from evaluation.verdicts import verdict_of
from platform_core.contracts.comparison import ComparisonVerdict, HeldOutComparison
from platform_core.contracts.tasks import ERROR_METRICS, Metric

ERROR_RATE, POWER = 0.05, 0.8
# The standard error is known to about 4 %, which is less than its own sampling error.
RESAMPLES = 400
MAX_ROWS = 100_000_000

_NORMAL = NormalDist()
_Z_ERROR, _Z_POWER = _NORMAL.inv_cdf(1 - ERROR_RATE), _NORMAL.inv_cdf(POWER)
# Metrics of the rows that are positive, or that are not.
_OF_POSITIVES: frozenset[Metric] = frozenset(("recall", "f1", "precision", "average_precision"))
_OF_NEGATIVES: frozenset[Metric] = frozenset(("false_positive_rate",))


def compare_on_rows(
    candidate: Predictions,
    champion: Predictions,
    clusters: NDArray[np.integer],
    metric: Metric,
    margin: float,
) -> HeldOutComparison:
    """Compare two releases by their answers to the same N rows.

    `clusters` [N] are the numbers of the rows' clusters. The verdict is `worse` only
    if the candidate is worse by more than `margin`: a gate asks whether the margin is kept.

    Raises:
        InvalidData: the rows do not define the metric.
    """
    sign = 1 if metric in ERROR_METRICS else -1
    theirs, ours = (
        require_metric(prediction_metrics(rows), metric) for rows in (champion, candidate)
    )
    resampled = [_resampled(rows, clusters, metric) for rows in (candidate, champion)]
    error = _StandardError.of(resampled[0] - resampled[1], candidate, clusters, metric)
    return _judged(metric, sign * (ours - theirs), error, margin)


def compare_with_limit(
    rows: Predictions, clusters: NDArray[np.integer], metric: Metric, limit: float
) -> HeldOutComparison:
    """Compare a metric of N rows with a limit: `better` if it is certainly reached, `worse` if it
    is certainly missed. Arguments and errors are those of `compare_on_rows`.
    """
    sign = 1 if metric in ERROR_METRICS else -1
    value = require_metric(prediction_metrics(rows), metric)
    error = _StandardError.of(_resampled(rows, clusters, metric), rows, clusters, metric)
    return _judged(metric, sign * (value - limit), error, 0.0)


@dataclass(frozen=True)
class _StandardError:
    """The standard error on `rows` rows: the root of `variance` / rows + `floor` / rows^2."""

    rows: int
    variance: float
    floor: float

    @classmethod
    def of(
        cls,
        resampled: NDArray[np.float64],
        rows: Predictions,
        clusters: NDArray[np.integer],
        metric: Metric,
    ) -> _StandardError:
        """Take the metric, or its difference, under resamples of the rows."""
        defined = resampled[np.isfinite(resampled)]
        variance = float(np.var(defined, ddof=1)) if len(defined) > 1 else 1.0
        members = _rows_of(rows, metric)
        if members is None:
            return cls(len(rows), len(rows) * variance, 0.0)
        share = max(len(np.unique(clusters[members])), 1) / len(rows)
        return cls(len(rows), len(rows) * variance, 2 / share**2)

    def at(self, rows: float) -> float:
        return float(np.sqrt(self.variance / rows + self.floor / rows**2))

    def rows_for(self, error: float) -> int | None:
        """Return the number of rows on which the standard error is `error`."""
        if error <= 0:
            return None
        root = np.sqrt(self.variance**2 + 4 * error**2 * self.floor)
        rows = np.ceil((self.variance + root) / (2 * error**2))
        return int(rows) if rows <= MAX_ROWS else None


def _resampled(
    rows: Predictions, clusters: NDArray[np.integer], metric: Metric
) -> NDArray[np.float64]:
    total = min(RESAMPLES, resample_count(len(rows)))
    _, numbers = np.unique(clusters, return_inverse=True)
    parts = [
        weighted_metrics(rows, weights)[metric] for weights in resampled_weights(numbers, 0, total)
    ]
    return np.concatenate(parts)


def _rows_of(rows: Predictions, metric: Metric) -> NDArray[np.bool_] | None:
    """Return which rows [N] a share is about; metrics of numbers are no shares."""
    if not isinstance(rows, LabelledPredictions):
        return None
    if rows.positive is not None and metric in _OF_POSITIVES:
        return np.equal(rows.labels, rows.positive)
    if rows.positive is not None and metric in _OF_NEGATIVES:
        return np.not_equal(rows.labels, rows.positive)
    return np.ones(len(rows), np.bool_)


def _judged(
    metric: Metric, difference: float, error: _StandardError, margin: float
) -> HeldOutComparison:
    now = error.at(error.rows)
    lower, upper = difference - _Z_ERROR * now, difference + _Z_ERROR * now
    verdict, needed = verdict_of(lower, upper, margin, tolerance=margin), None
    if verdict is ComparisonVerdict.UNDECIDED:
        distance = abs(margin - max(difference, 0.0)) if margin else abs(difference)
        needed = error.rows_for(distance / (_Z_ERROR + _Z_POWER))
    power = _NORMAL.cdf(margin / now - _Z_ERROR) if margin and now else None
    return HeldOutComparison(
        metric=metric,
        difference=difference,
        lower=lower,
        upper=upper,
        margin=margin,
        rows=error.rows,
        power=power,
        verdict=verdict,
        rows_needed=needed,
    )
