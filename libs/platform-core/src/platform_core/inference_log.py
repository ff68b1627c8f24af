"""The inference log: answers as Parquet objects, partitioned by use case, environment and hour."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_core.contracts.inference_record import InferenceRecord
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import PARQUET, log_window_folders

TIME = "time"
TIME_TYPE = pa.timestamp("us", tz="UTC")
INPUT_PREFIX = "input."
FEATURE_PREFIX = "feature."
ENTITY_PREFIX = "entity."
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
    FEATURE_PREFIX: "features",
    ENTITY_PREFIX: "entity_features",
    PROBABILITY_PREFIX: "probabilities",
}


def log_schema(
    record_schema: pa.Schema,
    features: Sequence[str],
    entities: Sequence[str],
    classes: Sequence[str],
) -> pa.Schema:
    """Return the columns of a use case's log.

    `features` are the names of its own numeric features, `entities` those of its entity
    features, `classes` the order of its probabilities.
    """
    return pa.schema(
        [
            *COMMON_COLUMNS,
            *(pa.field(INPUT_PREFIX + field.name, field.type) for field in record_schema),
            *(pa.field(FEATURE_PREFIX + name, pa.float32()) for name in features),
            *(pa.field(ENTITY_PREFIX + name, pa.float32()) for name in entities),
            *(pa.field(PROBABILITY_PREFIX + name, pa.float64()) for name in classes),
        ]
    )


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
    wanted = None if columns is None else list(dict.fromkeys([*columns, TIME]))
    for folder in log_window_folders(use_case, environment, start, end):
        for blob in store.list(folder):
            if blob.path.endswith(PARQUET):
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
        with store.open(path) as source:
            file = pq.ParquetFile(source, read_dictionary=list(encoded), buffer_size=BUFFER_BYTES)
            yield from file.iter_batches(columns=columns)
    except BlobNotFound:
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
