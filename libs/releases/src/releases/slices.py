"""How good a release is on groups of rows: what one figure for all of them may hide."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from platform_core.contracts.base import Contract
from releases.intervals import Interval, intervals
from releases.metrics import evaluate
from use_cases import UseCase

TOO_FEW_ROWS = "too few rows"
MINIMUM_ROWS = 30
# Slices of one kind that are shown, the largest first.
SHOWN = 20


class Measured(Contract):
    """A metric, and its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class SliceMetrics(Contract):
    """One slice of one kind: its rows, and the metrics or why there are none."""

    kind: str
    name: str
    rows: int
    metrics: dict[str, Measured] = Field(default_factory=dict)
    note: str = ""


def slice_metrics(
    use_case: UseCase,
    answers: pa.Table,
    probabilities: np.ndarray,
    kinds: pa.RecordBatch,
    seed: int,
) -> list[SliceMetrics]:
    """Return the use case's metric, false positive rate and recall of each slice.

    `answers` has `label`, `prediction` and `cluster` of N rows, `probabilities` [N, C] belongs
    to them, and each column of `kinds` (string, null: in no slice) sorts the rows into slices.
    A slice of fewer than 30 rows, or without one of the classes, has the note "too few rows"
    and no figure. Of each kind the 20 largest slices are returned.
    """
    return [
        _measured(use_case, answers, probabilities, seed, kind, name, rows)
        for kind, column in zip(kinds.schema.names, kinds.columns, strict=True)
        for name, rows in _members(column)
    ]


def shown_metrics(use_case: UseCase) -> tuple[str, ...]:
    """Return the metrics that slices show."""
    return tuple(dict.fromkeys((use_case.training().metric, "false_positive_rate", "recall")))


def _members(column: pa.Array) -> Iterator[tuple[str, np.ndarray]]:
    counts = pc.value_counts(column.drop_null()).to_pylist()
    largest = sorted(counts, key=lambda pair: (-pair["counts"], pair["values"]))[:SHOWN]
    for name in sorted(pair["values"] for pair in largest):
        same = pc.fill_null(pc.equal(column, name), False)
        yield name, np.flatnonzero(same.to_numpy(zero_copy_only=False))


def _measured(
    use_case: UseCase,
    answers: pa.Table,
    probabilities: np.ndarray,
    seed: int,
    kind: str,
    name: str,
    rows: np.ndarray,
) -> SliceMetrics:
    taken = answers.take(pa.array(rows)).combine_chunks()
    label, prediction, cluster = (
        taken[column].combine_chunks() for column in ("label", "prediction", "cluster")
    )
    few = len(rows) < MINIMUM_ROWS or len(label.unique()) < len(use_case.classes)
    if few:
        return SliceMetrics(kind=kind, name=name, rows=len(rows), note=TOO_FEW_ROWS)
    given = (use_case, label, probabilities[rows], prediction)
    values, sure = evaluate(*given), intervals(*given, cluster, seed)
    metrics = {
        metric: _with_interval(values[metric], sure.get(metric))
        for metric in shown_metrics(use_case)
        if metric in values
    }
    return SliceMetrics(kind=kind, name=name, rows=len(rows), metrics=metrics)


def _with_interval(value: float, interval: Interval | None) -> Measured:
    if interval is None:
        return Measured(value=value)
    return Measured(value=value, low=interval.low, high=interval.high)
