"""Replaying logged predictions: does a release compute the same again?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidData
from records.columns import FEATURES, PREDICTION, RELEASE_ID, LogColumns, log_columns
from records.logged_features import logged_block
from scoring import Scorer, Scores
from use_cases import UseCase, number_block


@dataclass(frozen=True)
class Replay:
    """The differences between N logged predictions and the same records computed again.

    `features` and `probabilities` hold the largest absolute difference per column and class (for
    regression, per predicted number), infinite where only one side is a finite number; they are
    empty when `rows` is 0. `predictions` counts the rows whose class or number differs.
    `incomplete` rows lack a logged value and were skipped.
    """

    rows: int
    incomplete: int
    features: Mapping[str, float]
    probabilities: Mapping[str, float]
    predictions: int

    @property
    def largest(self) -> float | None:
        """The largest of all differences; `None` when no row could be compared."""
        return max((*self.features.values(), *self.probabilities.values()), default=None)


def replay(records: pa.RecordBatch | pa.Table, use_case: UseCase, scorer: Scorer) -> Replay:
    """Compute logged predictions again and compare.

    Features are computed from the logged input; entity features are taken from the log, because
    the online store has changed since.

    Args:
        records: rows of the inference log, all predicted by the scorer's release.
        use_case: their use case.
        scorer: the release that predicted them.

    Raises:
        InvalidData: a column of the log is missing, or another release predicted a row.
    """
    columns = log_columns(use_case)
    _check(records, columns, scorer.release_id)
    table = records if isinstance(records, pa.Table) else pa.Table.from_batches([records])
    complete = table.filter(_complete(table, _never_null(columns, use_case), use_case))
    incomplete = table.num_rows - complete.num_rows
    if complete.num_rows == 0:
        return Replay(0, incomplete, {}, {}, 0)
    logged, _ = logged_block(use_case, complete[FEATURES])
    scores = _score(complete, logged, use_case, scorer)
    own = use_case.feature_schema.numbers
    computed = number_block(scores.features) if own else logged
    features = {
        name: _difference(logged[:, index], computed[:, index]) for index, name in enumerate(own)
    }
    probabilities = {
        name: _difference(complete[column], scores.probabilities[:, index])
        for index, (name, column) in enumerate(columns.probabilities.items())
    }
    if not use_case.classes:
        probabilities[PREDICTION] = _difference(
            complete[PREDICTION], np.asarray(scores.decided, np.float32)
        )
    changed = pc.sum(pc.not_equal(complete[PREDICTION], scores.predictions)).as_py()
    return Replay(complete.num_rows, incomplete, features, probabilities, changed)


def _required(columns: LogColumns) -> list[str]:
    """Return the columns that are read for a comparison."""
    return [*columns.inputs.values(), FEATURES, *columns.probabilities.values(), PREDICTION]


def _never_null(columns: LogColumns, use_case: UseCase) -> list[str]:
    """Return the columns that are needed to compute a prediction again."""
    nullable = {columns.inputs[name] for name in use_case.declaration.nullable}
    return [name for name in _required(columns) if name not in nullable]


def _check(records: pa.RecordBatch | pa.Table, columns: LogColumns, release_id: str) -> None:
    needed = [*_required(columns), RELEASE_ID]
    missing = [name for name in needed if name not in records.schema.names]
    if missing:
        raise InvalidData(f"the logged records have no column {', '.join(missing)}")
    others = set(pc.unique(records[RELEASE_ID]).to_pylist()) - {release_id}
    if others:
        raise InvalidData(
            f"records of release {', '.join(map(str, sorted(others, key=str)))} cannot be replayed "
            f"with release {release_id}; group them by release"
        )


def _complete(
    table: pa.Table, names: Iterable[str], use_case: UseCase
) -> pa.ChunkedArray | pa.Array:
    """Return which rows have every value; an entity feature may be null, own features may not."""
    _, present = logged_block(use_case, table[FEATURES])
    keep = pa.array(present[:, : len(use_case.feature_schema.numbers)].all(axis=1))
    for name in names:
        keep = pc.and_(keep, pc.is_valid(table[name]))
    return keep


def _score(
    table: pa.Table, logged: npt.NDArray[np.float32], use_case: UseCase, scorer: Scorer
) -> Scores:
    columns = table.select(list(log_columns(use_case).inputs.values())).combine_chunks()
    inputs = pa.record_batch(columns.to_batches()[0].columns, schema=use_case.record_schema)
    entity = use_case.entity_features
    if entity is None:
        return scorer.score(inputs)
    values = logged[:, -len(entity.names) :].T.astype(np.float64)
    arrays = [pa.array(column, from_pandas=True) for column in values]
    return scorer.score(inputs, pa.record_batch(arrays, names=list(entity.names)))


def _difference(
    logged: pa.ChunkedArray | npt.NDArray[np.float32], computed: npt.NDArray[np.float32]
) -> float:
    left = np.asarray(logged, dtype=np.float64)
    right = np.asarray(computed, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(left - right)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    difference[np.isnan(difference)] = np.inf
    return float(np.where(same, 0.0, difference).max())
