"""Replay logged answers: score the logged records again with the same release and compare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidData
from platform_core.inference_log import (
    FEATURES,
    INPUT_PREFIX,
    PROBABILITY_PREFIX,
)
from scoring.scorer import Scorer, Scores
from use_cases import UseCase, logged_block, number_block


@dataclass(frozen=True)
class Replay:
    """How far N logged answers are from the same records computed again.

    `features` and `probabilities` hold the largest absolute difference per column and class,
    infinite where only one side is a finite number; they are empty when `rows` is 0.
    `predictions` counts the rows whose class differs. `incomplete` rows lack a logged value
    and were left out.
    """

    rows: int
    incomplete: int
    features: Mapping[str, float]
    probabilities: Mapping[str, float]
    predictions: int

    @property
    def largest(self) -> float | None:
        """The largest of all differences, `None` without a row that could be compared."""
        return max((*self.features.values(), *self.probabilities.values()), default=None)


def replay(records: pa.RecordBatch | pa.Table, use_case: UseCase, scorer: Scorer) -> Replay:
    """Compute logged answers again and compare.

    The own features are computed from the logged input; entity features are taken as they were
    logged, because the online store has moved on since.

    Args:
        records: rows of the inference log, all answered by the scorer's release.
        use_case: the use case they belong to.
        scorer: the release that answered.

    Raises:
        InvalidData: a column of the log is missing, or another release answered a row.
    """
    names = _Columns(use_case)
    _check(records, names, scorer.release_id)
    table = records if isinstance(records, pa.Table) else pa.Table.from_batches([records])
    complete = table.filter(_complete(table, names.required, use_case))
    incomplete = table.num_rows - complete.num_rows
    if complete.num_rows == 0:
        return Replay(0, incomplete, {}, {}, 0)
    return _compare(complete, incomplete, names, use_case, scorer)


class _Columns:
    """The log's columns of one use case."""

    def __init__(self, use_case: UseCase) -> None:
        self.inputs = list(use_case.record_schema.names)
        self.classes = list(use_case.classes)
        self.required = [
            *_prefixed(INPUT_PREFIX, self.inputs),
            FEATURES,
            *_prefixed(PROBABILITY_PREFIX, self.classes),
            "prediction",
        ]

    @property
    def all(self) -> list[str]:
        """What is read of the log."""
        return [*self.required, "release_id"]


def _prefixed(prefix: str, names: Iterable[str]) -> list[str]:
    return [prefix + name for name in names]


def _check(records: pa.RecordBatch | pa.Table, names: _Columns, release_id: str) -> None:
    missing = [name for name in names.all if name not in records.schema.names]
    if missing:
        raise InvalidData(f"the logged records have no column {', '.join(missing)}")
    others = set(pc.unique(records["release_id"]).to_pylist()) - {release_id}
    if others:
        raise InvalidData(
            f"records of release {', '.join(map(str, sorted(others, key=str)))} cannot be replayed "
            f"with release {release_id}; group them by release"
        )


def _complete(table: pa.Table, columns: list[str], use_case: UseCase) -> pa.ChunkedArray | pa.Array:
    """Return which rows have every value; an entity feature may be null, own features may not."""
    _, present = logged_block(use_case, table[FEATURES])
    keep = pa.array(present[:, : len(use_case.feature_schema.numbers)].all(axis=1))
    for name in columns:
        keep = pc.and_(keep, pc.is_valid(table[name]))
    return keep


def _score(
    table: pa.Table, names: _Columns, logged: np.ndarray, use_case: UseCase, scorer: Scorer
) -> Scores:
    chosen = table.select(_prefixed(INPUT_PREFIX, names.inputs)).combine_chunks()
    inputs = pa.record_batch(chosen.to_batches()[0].columns, schema=use_case.record_schema)
    entity = use_case.entity_features
    entities = None
    if entity is not None:
        values = logged[:, -len(entity.names) :].T.astype(np.float64)
        entities = pa.record_batch(
            [pa.array(column, from_pandas=True) for column in values], names=list(entity.names)
        )
    return scorer.score(inputs, entities)


def _compare(
    table: pa.Table, incomplete: int, names: _Columns, use_case: UseCase, scorer: Scorer
) -> Replay:
    logged, _ = logged_block(use_case, table[FEATURES])
    scores = _score(table, names, logged, use_case, scorer)
    own = use_case.feature_schema.numbers
    computed = number_block(scores.features) if own else logged
    features = {
        name: _difference(logged[:, index], computed[:, index]) for index, name in enumerate(own)
    }
    probabilities = {
        name: _difference(table[PROBABILITY_PREFIX + name], scores.probabilities[:, index])
        for index, name in enumerate(names.classes)
    }
    changed = pc.sum(pc.not_equal(table["prediction"], scores.predictions)).as_py()
    return Replay(table.num_rows, incomplete, features, probabilities, changed)


def _difference(logged: pa.ChunkedArray | np.ndarray, computed: np.ndarray) -> float:
    left = np.asarray(logged, dtype=np.float64)
    right = np.asarray(computed, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(left - right)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    difference[np.isnan(difference)] = np.inf
    return float(np.where(same, 0.0, difference).max())
