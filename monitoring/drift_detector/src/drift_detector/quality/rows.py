"""The live answers of a window with the labels that are known, per release and role."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.quality import ClassScores, ClassWindow, NumberWindow
from platform_core.contracts.serving_state import ServingRole
from platform_core.contracts.tasks import INTERVAL_ENDS
from records import log_columns
from records.columns import PREDICTION, PURPOSE, RELEASE_ID, ROLE, column
from records.labels.join import LABEL
from use_cases import UseCase

SLICE = "slice."
UNMARKED = ServingRole.STABLE.value
"""The role of records that were logged before there were roles."""


@dataclass(frozen=True)
class ReleaseRows:
    """The rows of one release in one role: N answers, and their slice of each kind.

    `left_out` counts rows without probabilities, or with a class that the use case lacks.
    """

    release_id: str
    role: ServingRole
    window: ClassWindow | NumberWindow
    slices: dict[str, pa.Array]
    left_out: int


def columns_to_read(case: UseCase) -> list[str]:
    """Return the columns of the inference log that quality is measured from."""
    columns = log_columns(case)
    answers = [*columns.probabilities.values(), *columns.interval]
    return [PURPOSE, RELEASE_ID, ROLE, PREDICTION, *answers, *columns.inputs.values()]


def release_rows(case: UseCase, batches: Iterable[pa.RecordBatch]) -> Iterator[ReleaseRows]:
    """Yield the rows of each release and role of labelled `batches`, ordered by both.

    Only `live` records count. Inputs are kept no longer than their batch: memory is that of the
    answers.
    """
    tables = [pa.Table.from_batches([_compact(case, batch)]) for batch in batches]
    if not tables:
        return
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    pairs = table.select([RELEASE_ID, ROLE]).group_by([RELEASE_ID, ROLE]).aggregate([])
    for pair in pairs.sort_by([(RELEASE_ID, "ascending"), (ROLE, "ascending")]).to_pylist():
        same = [pc.equal(table[name], value) for name, value in pair.items()]
        yield _rows(case, table.filter(pc.and_(*same)), pair[RELEASE_ID], ServingRole(pair[ROLE]))


def _compact(case: UseCase, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the live rows with answers, label and slices alone."""
    live = batch.filter(pc.equal(batch.column(PURPOSE), case.traffic.value))
    role, rows = column(live, ROLE), live.num_rows
    columns = {
        RELEASE_ID: live.column(RELEASE_ID),
        ROLE: pa.array([UNMARKED] * rows) if role is None else pc.fill_null(role, UNMARKED),
        PREDICTION: live.column(PREDICTION),
        LABEL: live.column(LABEL),
    }
    for name in _answers(case):
        found = column(live, name)
        columns[name] = pa.nulls(rows, pa.float64()) if found is None else found
    return pa.record_batch(columns | _slices(case, live))


def _answers(case: UseCase) -> list[str]:
    return [*log_columns(case).probabilities.values()] or [*INTERVAL_ENDS]


def _slices(case: UseCase, live: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the slice of each row by `slice.<kind>`; none where the log lacks an input."""
    inputs = [column(live, name) for name in log_columns(case).inputs.values()]
    if any(values is None for values in inputs):
        return {}
    kinds = case.training().slices(pa.record_batch(inputs, schema=case.record_schema))
    return {
        f"{SLICE}{name}": values.cast(pa.string())
        for name, values in zip(kinds.schema.names, kinds.columns, strict=True)
    }


def _rows(case: UseCase, table: pa.Table, release_id: str, role: ServingRole) -> ReleaseRows:
    total, needed = table.num_rows, [PREDICTION, *_answers(case)]
    complete = [pc.is_valid(table[name]) for name in needed]
    if case.classes:
        complete.append(pc.is_in(table[PREDICTION], pa.array(case.classes)))
    table = table.filter(reduce(pc.and_, complete))
    slices = {
        name.removeprefix(SLICE): table[name].combine_chunks()
        for name in table.column_names
        if name.startswith(SLICE)
    }
    window = _class_window(case, table) if case.classes else _number_window(table)
    return ReleaseRows(release_id, role, window, slices, total - table.num_rows)


def _class_window(case: UseCase, table: pa.Table) -> ClassWindow:
    classes = pa.array(case.classes)
    numbers = [_floats(table[name]) for name in _answers(case)]
    probabilities = np.column_stack(numbers)
    positive = None if case.positive is None else list(case.classes).index(case.positive)
    predictions = pc.index_in(table[PREDICTION], classes).to_numpy()
    labels = pc.fill_null(pc.index_in(table[LABEL], classes), -1).to_numpy()
    scores = ClassScores(
        np.asarray(predictions, np.int64),
        probabilities / probabilities.sum(axis=1, keepdims=True),
        positive,
    )
    return ClassWindow(scores, np.asarray(labels, np.int64))


def _number_window(table: pa.Table) -> NumberWindow:
    names = (PREDICTION, *INTERVAL_ENDS, LABEL)
    return NumberWindow(*(_floats(table[name]) for name in names))


def _floats(values: pa.ChunkedArray) -> np.ndarray:
    floats: np.ndarray = values.cast(pa.float64()).to_numpy()
    return floats
