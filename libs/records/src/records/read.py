"""Reading the inference log, one object at a time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from platform_core import storage
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.parquet import open_parquet
from platform_core.ports.blob_store import BlobInfo, BlobStore
from records.columns import FAILED, TIME, TIME_TYPE, column


def read_log(
    store: BlobStore,
    use_case: str,
    environment: str,
    start: datetime,
    end: datetime,
    columns: Sequence[str] | None = None,
    encoded: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the records with `start <= time < end`, object by object, in no particular order.

    The string columns in `encoded` are read as
    dictionaries, which is cheaper for columns with few distinct values. A column of `columns`
    that an object does not have (another version of the use case wrote it) is missing from its
    batches. Records of failures, which have no prediction, are left out if `columns` does not name
    `failed`.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
        InvalidData: an object of the log is not Parquet.
    """
    for path in log_objects(store, use_case, environment, start, end):
        yield from read_log_object(store, path, start, end, columns, encoded)


def read_log_object(
    store: BlobStore,
    path: str,
    start: datetime,
    end: datetime,
    columns: Sequence[str] | None = None,
    encoded: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the records of one object as `read_log` does; none if it was removed.

    Raises:
        InvalidData: the object is not Parquet.
    """
    selected = None if columns is None else list(dict.fromkeys([*columns, TIME, FAILED]))
    for batch in _read_object(store, path, selected, encoded):
        rows = _within(batch, start, end)
        if columns is not None:
            rows = rows if FAILED in columns else _answered(rows)
            rows = rows.select([c for c in columns if c in rows.schema.names])
        if rows.num_rows:
            yield rows


def log_objects(
    store: BlobStore, use_case: str, environment: str, start: datetime, end: datetime
) -> Iterator[str]:
    """Yield the paths of `log_blobs`.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
    """
    return (blob.path for blob in log_blobs(store, use_case, environment, start, end))


def log_blobs(
    store: BlobStore, use_case: str, environment: str, start: datetime, end: datetime
) -> Iterator[BlobInfo]:
    """Yield the log's objects in the hours from `start` to `end`.

    Of the folders of the window only those of dates with records are listed, so that a window may
    begin in 1970.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
    """
    dates = set(store.folders(storage.log_folder(use_case, environment)))
    for folder in storage.log_window_folders(use_case, environment, start, end):
        if folder in dates or folder.rpartition("/")[0] in dates:
            for blob in store.list(folder):
                if blob.path.endswith(storage.PARQUET):
                    yield blob


def _read_object(
    store: BlobStore, path: str, columns: list[str] | None, encoded: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    try:
        with open_parquet(store, path, encoded) as file:
            yield from file.iter_batches(columns=columns)
    except BlobNotFound:
        return  # removed by the retention rule after it was listed
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{path} is not a Parquet file of the inference log: {error}") from error


def _answered(batch: pa.RecordBatch) -> pa.RecordBatch:
    failed = column(batch, FAILED)
    if failed is None or not failed.true_count:
        return batch
    return batch.filter(pc.invert(pc.fill_null(failed, False)))


def _within(batch: pa.RecordBatch, start: datetime, end: datetime) -> pa.RecordBatch:
    time = batch.column(TIME)
    first, last = (pa.scalar(moment.astimezone(UTC), TIME_TYPE) for moment in (start, end))
    inside = pc.and_(pc.greater_equal(time, first), pc.less(time, last))
    return batch if inside.true_count == batch.num_rows else batch.filter(inside)
