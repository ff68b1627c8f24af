"""The quality of a window of predicted numbers, from the residuals of the labelled rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats
from evaluation.intervals import Interval
from evaluation.quality.classes import MIN_CALIBRATION_ROWS, MIN_TRIALS
from evaluation.quality.powered import PoweredMean, powered_mean
from evaluation.quality.shares import Z
from platform_core.contracts.quality_report import CalibrationCell, MetricQuality, QualityMethod
from platform_core.contracts.tasks import Metric

NUMBER_METRICS: tuple[Metric, ...] = ("mae", "rmse", "r2")
OUTPUT = ""
"""The output of the cells of a regression."""
MAX_BIN = 1_000
SHRINK_ROWS = 10
"""The mean of all cells counts like this many rows of each cell."""


@dataclass(frozen=True)
class NumberWindow:
    """N predicted numbers with the ends of their intervals; `labels` are NaN where unknown."""

    predictions: Floats
    low: Floats
    high: Floats
    labels: Floats

    def take(self, rows: NDArray[np.integer]) -> "NumberWindow":
        """Return the rows with these numbers, in this order."""
        parts = (self.predictions, self.low, self.high, self.labels)
        return NumberWindow(*(part[rows] for part in parts))

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label [N]."""
        return ~np.isnan(self.labels)

    @property
    def bins(self) -> NDArray[np.int64]:
        """The cell of each row [N]: predictions that differ by less than an interval's width."""
        width = self.high - self.low
        places = np.divide(
            self.predictions, width, out=np.zeros_like(self.predictions), where=width > 0
        )
        return np.clip(np.floor(places), -MAX_BIN, MAX_BIN).astype(np.int64)


class ErrorModel:
    """The error to be expected of a prediction: that of earlier labelled rows near it.

    The mean of |e|, or of e^2, of the rows of a cell, drawn to the mean of all cells as if
    `SHRINK_ROWS` more rows had this one. Without earlier rows every error is the same, and labels
    count alone.
    """

    def __init__(self, cells: Iterable[CalibrationCell]) -> None:
        known = [cell for cell in cells if cell.output == OUTPUT]
        self.rows = sum(cell.rows for cell in known)
        self._totals = [sum(cell.observed for cell in known), sum(cell.squares for cell in known)]
        self._cells: dict[int, Floats] = {}
        for cell in known:
            sums = np.array([cell.rows, cell.observed, cell.squares])
            self._cells[cell.bin] = self._cells.get(cell.bin, np.zeros(3)) + sums

    def expected(self, bins: NDArray[np.int64], power: int) -> Floats:
        """Return the expected |e| (`power` 1) or e^2 (2) of predictions in `bins` [N]."""
        if not self.rows:
            return np.zeros(len(bins))
        overall = self._totals[power - 1] / self.rows
        distinct, place = np.unique(bins, return_inverse=True)
        none = np.zeros(3)
        sums = np.array([self._cells.get(int(one), none) for one in distinct]).reshape(-1, 3)
        means = (sums[:, power] + SHRINK_ROWS * overall) / (sums[:, 0] + SHRINK_ROWS)
        return np.asarray(means[place])

    @property
    def error_variance(self) -> float:
        """The variance of |e| over the earlier rows, divided by their number."""
        observed, squares = self._totals
        return max(squares / self.rows - (observed / self.rows) ** 2, 0.0) / self.rows


def number_cells(window: NumberWindow) -> list[CalibrationCell]:
    """Return the cells of the labelled rows."""
    known = window.take(np.flatnonzero(window.labelled))
    errors, bins = np.abs(known.labels - known.predictions), known.bins
    return [
        CalibrationCell(
            output=OUTPUT,
            bin=int(number),
            rows=int(inside.sum()),
            predicted=float(known.predictions[inside].sum()),
            observed=float(errors[inside].sum()),
            squares=float((errors[inside] ** 2).sum()),
        )
        for number in np.unique(bins)
        for inside in [bins == number]
    ]


def number_quality(
    window: NumberWindow, model: ErrorModel, metrics: Sequence[Metric] = NUMBER_METRICS
) -> list[MetricQuality]:
    """Return MAE, RMSE and R^2 with a 95 % interval.

    MAE and RMSE are the mean of |e| and the root of the mean of e^2, from `powered_mean` with the
    expected error of `model` as the prediction. Their intervals are normal for the logarithm of the
    mean. R^2 = 1 - mean e^2 / var(label) comes from the labels alone, with the variance of its
    influence. With fewer than `MIN_TRIALS` labels there is an estimate of MAE alone: the mean of
    the expected errors, if at least `MIN_CALIBRATION_ROWS` earlier rows gave them.
    """
    return [_one_metric(metric, window, model) for metric in metrics]


def _one_metric(metric: Metric, window: NumberWindow, model: ErrorModel) -> MetricQuality:
    labelled = int(window.labelled.sum())
    counts = {"rows": len(window.labels), "labelled": labelled}
    if labelled < MIN_TRIALS:
        value = _expected_mae(window, model) if metric == "mae" else None
        counts["needed"] = MIN_TRIALS - labelled
        method = QualityMethod.NOT_ENOUGH if value is None else QualityMethod.ESTIMATED
    elif metric == "r2":
        value, method = _r2(window), QualityMethod.LABELS
    else:
        value, method = _error(window, model, 1 if metric == "mae" else 2)
    if value is None:
        return MetricQuality(metric=metric, method=QualityMethod.NOT_ENOUGH, **counts)
    estimate, interval = value
    return MetricQuality(
        metric=metric,
        method=method,
        estimate=estimate,
        low=interval.low,
        high=interval.high,
        **counts,
    )


def _error(
    window: NumberWindow, model: ErrorModel, power: int
) -> tuple[tuple[float, Interval], QualityMethod]:
    labelled = window.labelled
    errors = np.abs(window.labels[labelled] - window.predictions[labelled]) ** power
    expected = model.expected(window.bins, power)
    mean = powered_mean(errors, expected[labelled], expected[~labelled])
    average = float(errors.mean())
    method = QualityMethod.PREDICTION_POWERED if mean.power else QualityMethod.LABELS
    powered = _positive(average + mean.shift, mean.variance)
    alone = _positive(average, mean.classic)
    if average + mean.shift <= 0 or powered.high - powered.low > alone.high - alone.low:
        mean, powered = PoweredMean(0.0, mean.classic, mean.classic, 0.0), alone
        method = QualityMethod.LABELS
    value = (average + mean.shift) ** (1 / power)
    return (value, Interval(powered.low ** (1 / power), powered.high ** (1 / power))), method


def _expected_mae(window: NumberWindow, model: ErrorModel) -> tuple[float, Interval] | None:
    if model.rows < MIN_CALIBRATION_ROWS or not len(window.labels):
        return None
    expected = model.expected(window.bins, 1)
    variance = expected.var() / len(expected) + model.error_variance
    return float(expected.mean()), _positive(float(expected.mean()), float(variance))


def _r2(window: NumberWindow) -> tuple[float, Interval] | None:
    labels = window.labels[window.labelled]
    squares = (labels - window.predictions[window.labelled]) ** 2
    spread, mean = float(labels.var()), float(squares.mean())
    if spread <= 0:
        return None
    around = (labels - labels.mean()) ** 2
    influence = -(squares - mean) / spread + mean * (around - spread) / spread**2
    half = Z * float(np.sqrt(influence.var(ddof=1) / len(labels)))
    value = 1 - mean / spread
    return value, Interval(value - half, value + half)


def _positive(mean: float, variance: float) -> Interval:
    """Return the interval of a mean that cannot be negative, normal for its logarithm."""
    if mean <= 0:
        return Interval(0.0, 0.0)
    factor = float(np.exp(Z * np.sqrt(variance) / mean))
    return Interval(mean / factor, mean * factor)
