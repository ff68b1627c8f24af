"""Labels: the rows of their objects, which of them count, and their join with inference records.

Labels are appended and never changed. A label's object is in the partition of the day on which its
prediction was made, so that the labels of a window of the log are found whenever they arrived.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from platform_core import storage
from platform_core.contracts.label import PredictionLabel
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobInfo, BlobStore
from records.columns import PREDICTION_ID, TIME_TYPE
from records.read import read_log
from use_cases import UseCase

LABEL = "label"
KNOWN_AT = "known_at"
SAID_BY = "said_by"
RECEIVED_AT = "received_at"
LABEL_COLUMNS = (LABEL, KNOWN_AT, SAID_BY, RECEIVED_AT)
"""The columns that `join_labels` adds to inference records, null where there is no label yet."""

_FIRST_TO_LAST = [(name, "ascending") for name in (PREDICTION_ID, KNOWN_AT, RECEIVED_AT)]


def label_schema(case: UseCase) -> pa.Schema:
    """Return the columns of a use case's labels: classes, or numbers where it has no classes."""
    return pa.schema(
        [
            pa.field(PREDICTION_ID, pa.string()),
            pa.field(LABEL, pa.string() if case.classes else pa.float64()),
            pa.field(KNOWN_AT, TIME_TYPE),
            pa.field(SAID_BY, pa.string()),
            pa.field(RECEIVED_AT, TIME_TYPE),
        ]
    )


def label_table(case: UseCase, labels: Sequence[PredictionLabel]) -> pa.Table:
    """Return one row per label.

    Raises:
        InvalidData: a label is not of the use case's type.
    """
    schema = label_schema(case)
    try:
        columns = [
            pa.array([getattr(label, field.name) for label in labels], field.type)
            for field in schema
        ]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidData(f"labels of {case.name} do not fit its type: {error}") from error
    return pa.table(columns, schema=schema)


def read_labels(store: BlobStore, case: UseCase, start: datetime, end: datetime) -> pa.Table:
    """Return all labels, in no order, of the predictions made on the days from `start` to `end`.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
        InvalidData: an object of the labels cannot be read.
    """
    return _read_objects(
        store, case, (blob.path for blob in label_blobs(store, case.name, start, end))
    )


def read_all_labels(store: BlobStore, case: UseCase) -> pa.Table:
    """Return all labels of a use case, in no order.

    Raises:
        InvalidData: an object of the labels cannot be read.
    """
    paths = (blob.path for blob in store.list(storage.label_folder(case.name)))
    return _read_objects(store, case, paths)


def label_blobs(
    store: BlobStore, use_case: str, start: datetime, end: datetime
) -> Iterator[BlobInfo]:
    """Yield the objects with labels of predictions made on the days from `start` to `end`."""
    dates = set(store.folders(storage.label_folder(use_case)))
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= end.astimezone(UTC):
        folder = storage.label_date_folder(use_case, day)
        if folder in dates:
            yield from store.list(folder)
        day += timedelta(days=1)


def current_labels(labels: pa.Table, as_of: datetime | None = None) -> pa.Table:
    """Return one label per prediction: the one that became known last.

    With `as_of` only labels count that the platform had received by then.
    """
    if as_of is not None:
        labels = labels.filter(pc.less_equal(labels[RECEIVED_AT], pa.scalar(as_of, TIME_TYPE)))
    ordered = labels.sort_by(_FIRST_TO_LAST).combine_chunks()
    ids = ordered[PREDICTION_ID]
    if len(ids) == 0:
        return ordered
    last = pc.not_equal(ids[:-1], ids[1:]).combine_chunks()
    return ordered.filter(pa.concat_arrays([last, pa.array([True])]))


def join_labels(records: pa.RecordBatch, current: pa.Table) -> pa.RecordBatch:
    """Return inference records with `LABEL_COLUMNS`: null where a prediction has no label yet.

    Args:
        records: rows of the inference log with the column `prediction_id`.
        current: at most one label per prediction, from `current_labels`.
    """
    rows = pc.index_in(records.column(PREDICTION_ID), current[PREDICTION_ID].combine_chunks())
    labels = current.select(LABEL_COLUMNS).combine_chunks().take(rows)
    columns = [column.combine_chunks() for column in labels.columns]
    schema = pa.schema([*records.schema, *labels.schema])
    return pa.record_batch([*records.columns, *columns], schema=schema)


def read_labelled(
    store: BlobStore,
    case: UseCase,
    environment: str,
    start: datetime,
    end: datetime,
    columns: Sequence[str] | None = None,
    as_of: datetime | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the records of `read_log` with `LABEL_COLUMNS`, as they are known now or at `as_of`.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
        InvalidData: an object of the log or of the labels cannot be read.
    """
    current = current_labels(read_labels(store, case, start, end), as_of)
    wanted = None if columns is None else list(dict.fromkeys([PREDICTION_ID, *columns]))
    for records in read_log(store, case.name, environment, start, end, wanted):
        yield join_labels(records, current)


def _read_objects(store: BlobStore, case: UseCase, paths: Iterable[str]) -> pa.Table:
    tables = [table for path in paths if (table := read_label_object(store, path)) is not None]
    return pa.concat_tables([label_schema(case).empty_table(), *tables])


def read_label_object(store: BlobStore, path: str) -> pa.Table | None:
    """Return the labels of one object, `None` if it was removed.

    Raises:
        InvalidData: the object is not Parquet.
    """
    try:
        return read_table(store, path)
    except BlobNotFound:
        return None  # removed by the retention rule after it was listed
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{path} is not a Parquet file of labels: {error}") from error
