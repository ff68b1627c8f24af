"""The inference log: answers as Parquet objects, partitioned by use case, environment and hour.

`inference-logs/use_case=<u>/environment=<e>/date=YYYY-MM-DD/hour=HH/<segment_id>.parquet`
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_core.contracts.inference_record import InferenceRecord
from platform_core.errors import InvalidData, InvalidInput
from platform_core.ports.blob_store import BlobStore

CONTAINER = "inference-logs"
TIME = "time"
TIME_TYPE = pa.timestamp("us", tz="UTC")
INPUT_PREFIX = "input."
FEATURES = "features"
PROBABILITY_PREFIX = "probability."
COMMON_COLUMNS = (
    pa.field("prediction_id", pa.string()),
    pa.field("request_id", pa.string()),
    pa.field(TIME, TIME_TYPE),
    pa.field("use_case", pa.string()),
    pa.field("environment", pa.string()),
    pa.field("release_id", pa.string()),
    pa.field("prediction", pa.string()),
    pa.field("purpose", pa.string()),
    pa.field("degraded", pa.bool_()),
    pa.field("latency_ms", pa.float64()),
)
BUFFER_BYTES = 1 << 20
# Where the columns with a prefix come from in a record.
_MAPPINGS = {
    INPUT_PREFIX: "input",
    PROBABILITY_PREFIX: "probabilities",
}
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def log_schema(record_schema: pa.Schema, classes: Sequence[str]) -> pa.Schema:
    """Return the columns of a use case's log; `classes` is the order of its probabilities.

    `features` holds the numbers a model saw in one list; the manifest of the release that
    answered names them.
    """
    return pa.schema(
        [
            *COMMON_COLUMNS,
            *(pa.field(INPUT_PREFIX + field.name, field.type) for field in record_schema),
            pa.field(FEATURES, pa.list_(pa.float32())),
            *(pa.field(PROBABILITY_PREFIX + name, pa.float64()) for name in classes),
        ]
    )


def object_path(use_case: str, environment: str, time: datetime, segment_id: str) -> str:
    """Return where a segment is kept whose records were answered in the hour of `time`."""
    return f"{_hour_folder(_log_folder(use_case, environment), _utc(time))}/{segment_id}.parquet"


def records_to_table(records: Sequence[InferenceRecord], schema: pa.Schema) -> pa.Table:
    """Return one row per record; what a record does not have is null.

    Raises:
        InvalidData: a value does not fit its column.
    """
    try:
        columns = [pa.array(_values(records, field.name), field.type) for field in schema]
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise InvalidData(f"inference records do not fit the log's schema: {error}") from error
    return pa.table(columns, schema=schema)


def read_log(
    store: BlobStore,
    use_case: str,
    environment: str,
    start: datetime,
    end: datetime,
    columns: Sequence[str] | None = None,
    encoded: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the records with `start <= time < end`, object by object, in no set order.

    Only the folders of the window are listed. The string columns `encoded` come as dictionaries,
    which is cheaper where a few values repeat. A column of `columns` that an object does not
    have (another version of the use case wrote it) is absent from its batches.

    Raises:
        InvalidInput: `start` or `end` has no time zone.
        InvalidData: an object of the log is not Parquet.
    """
    start, end = _utc(start), _utc(end)
    wanted = None if columns is None else list(dict.fromkeys([*columns, TIME]))
    for folder in _folders(_log_folder(use_case, environment), start, end):
        for blob in store.list(folder):
            if blob.path.endswith(".parquet"):
                batches = _read_object(store, blob.path, wanted, encoded)
                yield from _within(batches, start, end, columns)


def _values(records: Sequence[InferenceRecord], column: str) -> list[object]:
    prefix, dot, name = column.partition(".")
    if not dot:
        return [getattr(record, column) for record in records]
    attribute = _MAPPINGS[prefix + dot]
    return [getattr(record, attribute).get(name) for record in records]


def _read_object(
    store: BlobStore, path: str, columns: list[str] | None, encoded: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    try:
        with store.filesystem().open_input_file(path) as source:
            file = pq.ParquetFile(source, read_dictionary=list(encoded), buffer_size=BUFFER_BYTES)
            yield from file.iter_batches(columns=columns)
    except FileNotFoundError:
        return  # removed by the retention rule since it was listed
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{path} is not a Parquet file of the inference log: {error}") from error


def _within(
    batches: Iterator[pa.RecordBatch],
    start: datetime,
    end: datetime,
    columns: Sequence[str] | None,
) -> Iterator[pa.RecordBatch]:
    first, last = pa.scalar(start, TIME_TYPE), pa.scalar(end, TIME_TYPE)
    for batch in batches:
        time = batch.column(TIME)
        inside = pc.and_(pc.greater_equal(time, first), pc.less(time, last))
        rows = batch if inside.true_count == batch.num_rows else batch.filter(inside)
        if columns is not None:
            rows = rows.select([name for name in columns if name in rows.schema.names])
        if rows.num_rows:
            yield rows


def _folders(folder: str, start: datetime, end: datetime) -> Iterator[str]:
    """Yield the folders that cover the window: a whole day as one, the rest by hour."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        if hour.hour == 0 and hour + _DAY <= end:
            yield _date_folder(folder, hour)
            hour += _DAY
        else:
            yield _hour_folder(folder, hour)
            hour += _HOUR


def _log_folder(use_case: str, environment: str) -> str:
    return f"{CONTAINER}/use_case={use_case}/environment={environment}"


def _date_folder(folder: str, time: datetime) -> str:
    return f"{folder}/date={time:%Y-%m-%d}"


def _hour_folder(folder: str, time: datetime) -> str:
    return f"{_date_folder(folder, time)}/hour={time:%H}"


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise InvalidInput(f"{time.isoformat()} has no time zone; say UTC")
    return time.astimezone(UTC)
