"""Builds a baseline from the test rows of a release."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from baseline.columns import (
    PREDICTION_COLUMN,
    SCORE_COLUMN,
    mark_missing,
    monitored_columns,
    score,
)
from baseline.reference import CategoricalReference, NumericReference, Reference
from baseline.storage import references_table
from platform_core.errors import InvalidInput
from use_cases import MonitoredColumn, UseCase, model_schema, number_block

BINS = 10
GRID = 1000
MAX_CATEGORIES = 100


def build_baseline(
    use_case: UseCase,
    features: pa.RecordBatch,
    probabilities: np.ndarray,
    predictions: pa.Array,
) -> pa.Table:
    """Return the reference distribution of every monitored column, one row each.

    `features` are N rows of `model_schema`, `probabilities` [N, C] and `predictions` [N] the
    model's outputs for them: classes (string), or for regression numbers (float32; C is 0). The
    same arguments give the same table.

    Raises:
        InvalidInput: the arguments differ in length, or a monitored column is not a feature.
    """
    if not features.num_rows == len(probabilities) == len(predictions):
        raise InvalidInput(
            f"{features.num_rows} rows of features, {len(probabilities)} of probabilities and "
            f"{len(predictions)} predictions; the lengths must be equal"
        )
    outputs = {PREDICTION_COLUMN: predictions}
    if use_case.classes:
        outputs[SCORE_COLUMN] = score(use_case, probabilities)
    references = []
    for column in monitored_columns(use_case):
        values = outputs.get(column.name)
        if values is None:
            values = _feature(use_case, features, column)
        references.append(reference_of(use_case, column, values))
    return references_table(references)


def _feature(use_case: UseCase, features: pa.RecordBatch, column: MonitoredColumn) -> pa.Array:
    schema, name = model_schema(use_case), column.name
    if not set(column.inputs) <= set(schema.names) or features.schema.names != schema.arrow.names:
        raise InvalidInput(
            f"the use case {use_case.name!r} monitors {name!r}, which is not one of its features "
            f"{list(schema.names)}; correct `monitored`"
        )
    if column.levels:
        return schema.category(number_block(features), name, column.levels)
    return schema.column(features, name)


def reference_of(use_case: UseCase, column: MonitoredColumn, values: pa.Array) -> Reference:
    """Return the reference distribution of one column from its N values."""
    present = mark_missing(use_case, column, values).drop_null()
    rows, missing = len(values), len(values) - len(present)
    if column.kind == "categorical":
        return _categorical(column.name, rows, missing, present)
    numbers = present.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return _numeric(column.name, rows, missing, np.sort(numbers))


def _categorical(name: str, rows: int, missing: int, values: pa.Array) -> CategoricalReference:
    counted = [(entry["values"], entry["counts"]) for entry in pc.value_counts(values).to_pylist()]
    kept = sorted(sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:MAX_CATEGORIES])
    others = len(values) - sum(count for _, count in kept)
    counts = np.array([*(count for _, count in kept), others], np.int64)
    return CategoricalReference(name, rows, missing, tuple(c for c, _ in kept), counts)


def _numeric(name: str, rows: int, missing: int, values: np.ndarray) -> NumericReference:
    points = np.unique(values)
    if len(points) > GRID + 1:
        points = np.unique(_quantiles(values, GRID))
    edges = _edges(values)
    draft = NumericReference(
        column=name,
        rows=rows,
        missing=missing,
        points=points,
        cells=np.zeros(0, np.int64),
        edges=np.array([edge for edge, _ in edges], np.float64),
        edge_included=np.array([included for _, included in edges], bool),
    )
    return replace(draft, cells=draft.count(pa.array(values, pa.float64())))


def _quantiles(values: np.ndarray, parts: int) -> np.ndarray:
    """Return the quantiles 0/parts … parts/parts as occurring values (inverted ECDF)."""
    ranks = np.ceil(len(values) * np.arange(parts + 1) / parts).astype(int)
    return np.asarray(values[np.maximum(ranks - 1, 0)])


def _edges(values: np.ndarray) -> list[tuple[float, bool]]:
    """Return the ends of the bins: the distinct deciles, each with whether the bin includes it.

    A value of at least a tenth of the rows gets its own bin, so that a constant, or the most
    frequent count, is separated from the values on both sides.
    """
    if not len(values):
        return []
    deciles = np.unique(_quantiles(values, BINS)[1:-1])
    size = np.searchsorted(values, deciles, "right") - np.searchsorted(values, deciles, "left")
    edges: list[tuple[float, bool]] = []
    for value, rows in zip(deciles.tolist(), size.tolist(), strict=True):
        if rows * BINS >= len(values) and rows > 1:
            edges.append((value, False))
        edges.append((value, True))
    return edges
