"""Predictions of a number: their metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.curves import Floats, ratio
from platform_core.errors import InvalidData


@dataclass(frozen=True)
class NumberPredictions:
    """N predictions of a number, with their labels and the ends of their intervals, [N] each."""

    labels: Floats
    predictions: Floats
    low: Floats
    high: Floats

    @classmethod
    def from_arrow(
        cls, labels: pa.Array, predictions: pa.Array, intervals: NDArray[np.floating]
    ) -> NumberPredictions:
        """Take N labels and predictions (numbers) and the `intervals` [N, 2].

        Raises:
            InvalidData: the lengths differ, or a value is missing or infinite.
        """
        if not len(labels) == len(predictions) == len(intervals):
            raise InvalidData(
                f"{len(labels)} labels, {len(predictions)} predictions and {len(intervals)} "
                "intervals do not belong together"
            )
        low, high = intervals.astype(np.float64).T.reshape(2, len(intervals))
        columns = [_floats(labels), _floats(predictions), low, high]
        if not all(np.isfinite(column).all() for column in columns):
            raise InvalidData("a label, a prediction or the end of an interval is not finite")
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.integer]) -> NumberPredictions:
        """Return the rows with these numbers, in this order."""
        return replace(
            self,
            labels=self.labels[rows],
            predictions=self.predictions[rows],
            low=self.low[rows],
            high=self.high[rows],
        )

    @property
    def errors(self) -> Floats:
        """The residuals [N]: label minus prediction."""
        return self.labels - self.predictions

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each label [N] lies within its interval, ends included."""
        return (self.low <= self.labels) & (self.labels <= self.high)


def weighted_number_metrics(rows: NumberPredictions, weights: Floats) -> dict[str, Floats]:
    """Return metrics [B], by name, under B weightings [B, N] of the rows; a weight of 2 counts a
    row twice.

    With residuals e = y - p: `mae` is the mean of |e|, `rmse` the root of the mean of e^2, both in
    units of the label, and `r2` is 1 - sum e^2 / sum (y - mean y)^2 (NaN where all labels are
    equal). `interval_coverage` is the share of labels within their intervals and `interval_width`
    the mean width of these.
    """
    total, errors = weights.sum(axis=1), rows.errors
    squares = weights @ errors**2
    means = ratio(weights @ rows.labels, total)
    # The mean under each weighting differs; centring first keeps the difference of sums exact.
    centre = rows.labels.mean() if len(rows) else 0.0
    spread = weights @ (rows.labels - centre) ** 2 - total * (means - centre) ** 2
    return {
        "mae": ratio(weights @ np.abs(errors), total),
        "rmse": np.sqrt(ratio(squares, total)),
        "r2": 1 - ratio(squares, np.where(spread > 0, spread, 0.0)),
        "interval_coverage": ratio(weights @ rows.covered, total),
        "interval_width": ratio(weights @ (rows.high - rows.low), total),
    }


def _floats(column: pa.Array) -> Floats:
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values
