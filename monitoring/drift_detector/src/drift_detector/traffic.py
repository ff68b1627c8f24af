"""Counts the inference records of a window per release.

The only rows kept in memory are a sample for the report page.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from baseline import (
    PREDICTION_COLUMN,
    SCORE_COLUMN,
    Reference,
    mark_missing,
    monitored_columns,
    score,
)
from drift_detector.sample import RowSample
from evaluation.drift import BlockCounts
from platform_core.contracts.serving_state import ServingRole
from records import log_columns, logged_block
from records.columns import FEATURES, PURPOSE, RELEASE_ID, ROLE, column
from use_cases import UseCase, model_schema

ENCODED = (RELEASE_ID, PURPOSE)


@dataclass
class Tally:
    """One column of one release's traffic: `counts` are per cell of its reference, `blocks` per
    bin for consecutive rows.
    """

    rows: int = 0
    missing: int = 0
    counts: np.ndarray | None = None
    blocks: BlockCounts | None = None

    @property
    def present(self) -> int:
        """The number of rows that have a value."""
        return self.rows - self.missing

    def add(self, values: pa.Array, reference: Reference | None) -> None:
        """Count more rows; null in `values` is a missing value."""
        self.rows += len(values)
        self.missing += values.null_count
        if reference is None:
            return
        if self.counts is None or self.blocks is None:
            self.counts = np.zeros_like(reference.cells)
            self.blocks = BlockCounts(len(reference.bins(reference.cells)))
        for part in self.blocks.slices(len(values)):
            counts = reference.count(values[part].drop_null())
            self.blocks.add(reference.bins(counts))
            self.counts = self.counts + counts


@dataclass
class ReleaseTraffic:
    """The live records that one release answered in the window.

    `roles` has the number of records by role; a record without one is of the stable release.
    """

    release_id: str
    references: Mapping[str, Reference]
    sample: RowSample
    rows: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    predictions: dict[str, int] = field(default_factory=dict)
    roles: Counter[str] = field(default_factory=Counter)

    @property
    def role(self) -> ServingRole:
        """The role of the records; of a release that changed it, the one it is judged by."""
        if self.roles[ServingRole.SHADOW]:
            return ServingRole.SHADOW
        canary = self.roles[ServingRole.CANARY] == self.rows > 0
        return ServingRole.CANARY if canary else ServingRole.STABLE

    def add(self, use_case: UseCase, records: pa.RecordBatch) -> None:
        """Count a batch of the release's records."""
        logged = monitored_values(use_case, records)
        values = {
            column.name: mark_missing(use_case, column, logged[column.name])
            for column in monitored_columns(use_case)
        }
        self.rows += records.num_rows
        for entry in pc.value_counts(_roles(records)).to_pylist():
            self.roles[entry["values"]] += entry["counts"]
        for name, array in values.items():
            self.tallies.setdefault(name, Tally()).add(array, self.references.get(name))
        classes = values[PREDICTION_COLUMN] if use_case.classes else pa.array([], pa.string())
        for entry in pc.value_counts(classes).to_pylist():
            known = self.predictions.get(entry["values"], 0)
            self.predictions[entry["values"]] = known + entry["counts"]
        self.sample.add(pa.record_batch(list(values.values()), names=list(values)))


def count_traffic(
    use_case: UseCase,
    batches: Iterable[pa.RecordBatch],
    start: Callable[[str], ReleaseTraffic],
) -> list[ReleaseTraffic]:
    """Return the traffic of each release in `batches` of the log, ordered by release id.

    Only `live` records count, and those of a shadow only for a release that served in no other
    role: they repeat requests that another release answered. `start(release_id)` gives the empty
    counts of a release.
    """
    traffic: dict[tuple[str, bool], ReleaseTraffic] = {}
    for batch in batches:
        for purpose, sent in _by(PURPOSE, batch):
            if purpose != use_case.traffic:
                continue
            for release_id, answered in _by(RELEASE_ID, sent):
                for is_shadow, records in _by_shadow(answered):
                    key = (release_id, is_shadow)
                    if key not in traffic:
                        traffic[key] = start(release_id)
                    traffic[key].add(use_case, records)
    return [
        counted
        for (release_id, is_shadow), counted in sorted(traffic.items(), key=lambda item: item[0])
        if not (is_shadow and (release_id, False) in traffic)
    ]


def encoded_columns(use_case: UseCase) -> tuple[str, ...]:
    """Return the columns with few distinct values, which are read as dictionaries."""
    return (*ENCODED, PREDICTION_COLUMN) if use_case.classes else ENCODED


def columns_to_read(use_case: UseCase) -> list[str]:
    """Return the columns of the inference log from which the monitored values are computed."""
    columns, replayed = log_columns(use_case), _replayed(use_case)
    names = [*ENCODED, ROLE, PREDICTION_COLUMN, *columns.probabilities.values()]
    if len(replayed) < len(use_case.monitored):
        names.append(FEATURES)
    if replayed:
        names += columns.inputs.values()
    return names


def monitored_values(use_case: UseCase, records: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the values of every monitored column, N each; null where the log has none."""
    columns, rows = log_columns(use_case), records.num_rows
    values = _numbers(use_case, records) | _replay(use_case, records)
    values[PREDICTION_COLUMN] = records.column(PREDICTION_COLUMN)
    if not use_case.classes:
        return values
    probabilities = [column(records, name) for name in columns.probabilities.values()]
    if any(array is None for array in probabilities):
        values[SCORE_COLUMN] = pa.nulls(rows, pa.float32())
    else:
        values[SCORE_COLUMN] = score(use_case, np.column_stack([_floats(p) for p in probabilities]))
    return values


def _replayed(use_case: UseCase) -> list[str]:
    """Return the monitored text features: the log has their input, not their value."""
    texts = use_case.feature_schema.texts
    return [monitored.name for monitored in use_case.monitored if monitored.name in texts]


def _numbers(use_case: UseCase, records: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the monitored numbers and categories as they were logged, null where they were not."""
    schema, logged = model_schema(use_case), column(records, FEATURES)
    found = [m for m in use_case.monitored if m.levels or m.name in schema.numbers]
    if logged is None:
        return {
            m.name: pa.nulls(records.num_rows, pa.string() if m.levels else pa.float32())
            for m in found
        }
    block, _ = logged_block(use_case, logged)
    return {
        m.name: schema.category(block, m.name, m.levels)
        if m.levels
        else pa.array(block[:, schema.numbers.index(m.name)], from_pandas=True)
        for m in found
    }


def _replay(use_case: UseCase, records: pa.RecordBatch) -> dict[str, pa.Array]:
    names = _replayed(use_case)
    inputs = [column(records, name) for name in log_columns(use_case).inputs.values()]
    if not names or any(array is None for array in inputs):
        return {name: pa.nulls(records.num_rows, pa.string()) for name in names}
    features = use_case.features(pa.record_batch(inputs, schema=use_case.record_schema))
    return {name: features.column(name) for name in names}


def _floats(values: pa.Array) -> np.ndarray:
    floats: np.ndarray = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats


def _roles(records: pa.RecordBatch) -> pa.Array:
    roles = column(records, ROLE)
    if roles is None:
        return pa.repeat(pa.scalar(ServingRole.STABLE.value), records.num_rows)
    return roles.cast(pa.string()).fill_null(ServingRole.STABLE.value)


def _by_shadow(records: pa.RecordBatch) -> Iterator[tuple[bool, pa.RecordBatch]]:
    """Yield the records of shadows, and the others."""
    shadow = pc.equal(_roles(records), ServingRole.SHADOW.value)
    found = shadow.true_count
    if found in {0, records.num_rows}:
        yield found > 0, records
        return
    yield True, records.filter(shadow)
    yield False, records.filter(pc.invert(shadow))


def _by(name: str, records: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield each value of a column with its rows, without copying them if there is only one."""
    values = records.column(name)
    found = values.unique().to_pylist()
    for value in found:
        yield value, records if len(found) == 1 else records.filter(pc.equal(values, value))
