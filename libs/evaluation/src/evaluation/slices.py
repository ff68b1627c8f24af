"""Metrics of groups of rows, which one figure for all rows can hide."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from evaluation.intervals import Interval, bootstrap_intervals
from evaluation.metrics import Predictions, prediction_metrics
from evaluation.predictions import LabelledPredictions
from platform_core.contracts.base import Contract
from platform_core.contracts.tasks import TASK_METRICS

TOO_FEW_ROWS = "too few rows"
MIN_ROWS = 30
# Slices per kind, the largest ones.
MAX_SLICES = 20


class MetricEstimate(Contract):
    """A metric, and its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class SliceMetrics(Contract):
    """The metrics of one slice; `note` says why there are none."""

    kind: str
    name: str
    rows: int
    metrics: dict[str, MetricEstimate] = Field(default_factory=dict)
    note: str = ""


def slice_metrics(
    rows: Predictions,
    clusters: pa.Array,
    kinds: pa.RecordBatch,
    metrics: Sequence[str],
    seed: int,
) -> list[SliceMetrics]:
    """Return the named metrics of the 20 largest slices of each kind.

    `clusters` [N] names the cluster of each row. Each column of `kinds` (string [N]) assigns the
    rows to slices; a row with a null is in none. A slice with fewer than 30 rows, or without
    one of the classes, has the note "too few rows" and no metrics.
    """
    return [
        _one_slice(rows, clusters, metrics, seed, kind, name, members)
        for kind, column in zip(kinds.schema.names, kinds.columns, strict=True)
        for name, members in largest_slices(column)
    ]


def slice_metric_names(metric: str) -> tuple[str, ...]:
    """Return the metrics that slices show: `metric` with the false positive rate and recall, or for
    numbers with the coverage of the intervals.
    """
    others: tuple[str, ...] = ("false_positive_rate", "recall")
    if metric in TASK_METRICS["regression"]:
        others = ("mae", "interval_coverage")
    return tuple(dict.fromkeys((metric, *others)))


def largest_slices(column: pa.Array) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield name and row numbers of the 20 largest slices of a kind (string [N]), by name."""
    counts = pc.value_counts(column.drop_null()).to_pylist()
    largest = sorted(counts, key=lambda pair: (-pair["counts"], pair["values"]))[:MAX_SLICES]
    for name in sorted(pair["values"] for pair in largest):
        members = pc.fill_null(pc.equal(column, name), False)
        yield name, np.flatnonzero(members.to_numpy(zero_copy_only=False))


def _one_slice(
    rows: Predictions,
    clusters: pa.Array,
    metrics: Sequence[str],
    seed: int,
    kind: str,
    name: str,
    members: NDArray[np.intp],
) -> SliceMetrics:
    part = rows.take(members)
    if len(part) < MIN_ROWS or _lacks_class(part):
        return SliceMetrics(kind=kind, name=name, rows=len(part), note=TOO_FEW_ROWS)
    values = prediction_metrics(part)
    intervals = bootstrap_intervals(part, clusters.take(pa.array(members)), seed)
    estimates = {
        metric: _estimate(values[metric], intervals.get(metric))
        for metric in metrics
        if metric in values
    }
    return SliceMetrics(kind=kind, name=name, rows=len(part), metrics=estimates)


def _lacks_class(part: Predictions) -> bool:
    if not isinstance(part, LabelledPredictions):
        return False
    return bool(len(np.unique(part.labels)) < part.probabilities.shape[1])


def _estimate(value: float, interval: Interval | None) -> MetricEstimate:
    if interval is None:
        return MetricEstimate(value=value)
    return MetricEstimate(value=value, low=interval.low, high=interval.high)
