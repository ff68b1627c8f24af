"""The quality of a window of classifications: from labels, and from probabilities without them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats
from evaluation.intervals import Interval
from evaluation.quality.calibrators import ClassCalibrator
from evaluation.quality.functionals import (
    ClassScores,
    Functional,
    class_functional,
    measurable_metrics,
)
from evaluation.quality.powered import powered_mean
from evaluation.quality.shares import effective_trials, share_interval
from platform_core.contracts.quality_report import MetricQuality, QualityMethod
from platform_core.contracts.tasks import Metric

MIN_TRIALS = 20
"""Labelled rows that a metric must be a share of: for recall, labelled positive rows."""
MIN_CALIBRATION_ROWS = 50
"""Labelled rows that probabilities must be calibrated on before a metric is estimated from them."""


@dataclass(frozen=True)
class ClassWindow:
    """N answers of one release, and the labels that are known.

    `labels` [N] are class numbers, -1 where there is none yet.
    """

    scores: ClassScores
    labels: NDArray[np.int64]

    def take(self, rows: NDArray[np.integer]) -> "ClassWindow":
        """Return the rows with these numbers, in this order."""
        return ClassWindow(self.scores.take(rows), self.labels[rows])

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label [N]."""
        return self.labels >= 0

    @property
    def truth(self) -> Floats:
        """1 at the label of each labelled row, else 0 [N, C]."""
        return np.asarray(self.labels[:, None] == np.arange(self.scores.classes), np.float64)


def class_quality(
    window: ClassWindow,
    calibrator: ClassCalibrator,
    metrics: Sequence[Metric] = (),
) -> list[MetricQuality]:
    """Return each of `metrics` (default: all that can be measured) with a 95 % interval.

    - With labels enough (`MIN_TRIALS` labelled rows in the metric's denominator): the value of the
      labelled rows, corrected by what the calibrated probabilities say of the rows without a label
      (`powered_mean` of the metric's influence). The interval is Wilson's, in as many trials as
      the labels are worth. Where it would be wider than that of the labels alone, these are used.
    - Without: the expected metric under the calibrated probabilities, where they were calibrated on
      at least `MIN_CALIBRATION_ROWS` rows (`expected_quality`).
    - Else there is no value, and `needed` says how many labels are.

    The labels must be a random sample of the rows. The calibrator must not be fitted to them.
    """
    chosen = metrics or measurable_metrics(window.scores.positive)
    expected = calibrator.calibrate(window.scores.probabilities)
    return [_one_metric(metric, window, calibrator, expected) for metric in chosen]


def _one_metric(
    metric: Metric, window: ClassWindow, calibrator: ClassCalibrator, expected: Floats
) -> MetricQuality:
    labelled = window.labelled
    counts = {"rows": len(labelled), "labelled": int(labelled.sum())}
    measured = class_functional(metric, window.scores, window.truth) if labelled.any() else None
    if measured is not None and measured.trials >= MIN_TRIALS:
        method, value, interval = _measured(measured, window, expected)
        return _quality(metric, method, value, interval, counts, needed=0)
    weights = np.where(labelled[:, None], window.truth, expected)
    guess = class_functional(metric, window.scores, weights) if len(labelled) else None
    needed = _needed(measured, guess, counts["labelled"], len(labelled))
    if guess is None or calibrator.rows < MIN_CALIBRATION_ROWS:
        return MetricQuality(
            metric=metric, method=QualityMethod.NOT_ENOUGH, needed=needed, **counts
        )
    interval = _expected_interval(guess, window, weights, calibrator)
    return _quality(metric, QualityMethod.ESTIMATED, guess.value, interval, counts, needed)


def _measured(
    measured: Functional, window: ClassWindow, expected: Floats
) -> tuple[QualityMethod, float, Interval]:
    labelled = window.labelled
    predicted = (expected * measured.influence).sum(axis=1)
    truth = measured.influence[labelled, window.labels[labelled]]
    mean = powered_mean(truth, predicted[labelled], predicted[~labelled])
    trials = effective_trials(measured.value, mean.classic, measured.trials)
    alone = share_interval(measured.value, trials)
    if mean.power == 0:
        return QualityMethod.LABELS, measured.value, alone
    value = float(np.clip(measured.value + mean.shift, 0, 1))
    powered = share_interval(value, trials * mean.gain)
    if powered.high - powered.low > alone.high - alone.low:
        return QualityMethod.LABELS, measured.value, alone
    return QualityMethod.PREDICTION_POWERED, value, powered


def _expected_interval(
    guess: Functional, window: ClassWindow, weights: Floats, calibrator: ClassCalibrator
) -> Interval:
    """Return the interval of an expected metric.

    Its variance is that of the rows and of their labels, mean(influence^2) / N, and that of the
    calibration: with the gradient g = mean over rows and labels of influence x d probability / d
    parameter, g' covariance g (delta method).
    """
    rows = len(weights)
    variance = float((weights * guess.influence**2).sum()) / rows**2
    free = np.where(window.labelled, 0.0, 1.0)
    for slopes, covariance in calibrator.derivatives(window.scores.probabilities):
        gradient = np.einsum("pnc,nc,n->p", slopes, guess.influence, free) / rows
        variance += float(gradient @ covariance @ gradient)
    return share_interval(guess.value, effective_trials(guess.value, variance, guess.trials))


def _needed(measured: Functional | None, guess: Functional | None, labels: int, rows: int) -> int:
    """Return how many labels are needed until `MIN_TRIALS` of them count, at the expected rate."""
    have = measured.trials if measured else 0.0
    rate = guess.trials / rows if guess else 0.0
    if rate <= 0:
        return max(MIN_TRIALS - labels, 1)
    return max(math.ceil((MIN_TRIALS - have) / rate), 1)


def _quality(
    metric: Metric,
    method: QualityMethod,
    value: float,
    interval: Interval,
    counts: dict[str, int],
    needed: int,
) -> MetricQuality:
    return MetricQuality(
        metric=metric,
        method=method,
        estimate=value,
        low=interval.low,
        high=interval.high,
        needed=needed,
        **counts,
    )
