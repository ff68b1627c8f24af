"""Raw records: what a source held, as Parquet parts below a folder in blob storage.

`<folder>/raw/part-00000.parquet …` in the order of the source, then `<folder>/raw/_INGEST.json`.
Without that last file an ingest did not end, and its parts count for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from data_pipeline.feedback.summary import FeedbackSummary
from platform_core.contracts.base import Contract
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore

FOLDER, REASON = "raw", "reason"
SUMMARY = "_INGEST.json"
SET_ASIDE = "_SET_ASIDE.parquet"
SOURCE_COLUMN = "_source"
"""Which file of the source a row came from, relative to what was given; `generated` otherwise."""
TIME_COLUMN, PREDICTION_COLUMN = "_time", "_prediction_id"
"""When a prediction was made, and its id: only in raw records that are labelled predictions."""
OWN_COLUMNS = frozenset({SOURCE_COLUMN, TIME_COLUMN, PREDICTION_COLUMN})
"""Columns that the ingest adds; one of a source with such a name is left out."""
BUFFER_BYTES = 1 << 20


class UnreadableFile(Contract):
    """A file of the source that was left out, and why."""

    file: str
    reason: str


class InputCount(Contract):
    """The outcome of one input, in its own unit (lines, messages or rows): `total` is `read` and
    `set_aside`. Lines of a header and empty lines are read.
    """

    input: str
    unit: str
    total: int = Field(ge=0)
    read: int = Field(ge=0)
    set_aside: int = Field(ge=0)

    def __str__(self) -> str:
        """Return the account as a sentence."""
        return (
            f"{self.input}: {self.total:,} {self.unit} = {self.read:,} read + "
            f"{self.set_aside:,} set aside"
        )


class IngestSummary(Contract):
    """What one ingest found. `source` is free of credentials and query strings; `pooled` names each
    of several sources: the names of their files begin with it.

    `rows`, `files` and `bytes` count what was read (bytes as stored, packed or not);
    `rows_malformed` are pieces that were set aside, `inputs` accounts for each input,
    `truncated` counts the values of each column that were cut to its limit.
    `columns` are those of the parts; `warnings` are sentences for people; `feedback` is about
    labelled inference records.
    """

    source: str
    pooled: tuple[str, ...] = ()
    rows: int = Field(ge=0)
    files: int = Field(ge=0)
    seconds: float = Field(ge=0)
    bytes: int = Field(ge=0)
    unreadable: tuple[UnreadableFile, ...] = ()
    columns: tuple[str, ...]
    rows_malformed: int = Field(default=0, ge=0)
    inputs: tuple[InputCount, ...] = ()
    truncated: dict[str, int] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    parts: tuple[str, ...]
    feedback: FeedbackSummary | None = None


class RawRecords:
    """The raw records of one finished ingest; nothing is read before it is asked for.

    The columns are the use case's (values and types as they came: from CSV all are strings),
    then further scalar columns of the source, then `_source`.
    """

    def __init__(self, store: BlobStore, folder: str) -> None:
        """Take the folder that `ingest` was given.

        Raises:
            BlobNotFound: there is no finished ingest.
        """
        self._store, self._folder = store, raw_folder(folder)
        written = store.read(f"{self._folder}/{SUMMARY}")
        self.summary = IngestSummary.model_validate_json(written)

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema that every batch has: of all parts, text where their types disagree."""
        schema = pa.schema([])
        for name in self.summary.parts:
            with self._open(name) as part:
                schema = unify(schema, part.schema_arrow)
        order = {name: index for index, name in enumerate(self.summary.columns)}
        return pa.schema(sorted(schema, key=lambda field: order.get(field.name, len(order))))

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield all records in order, at most `rows` at a time, fewer where they are large.

        Memory stays at about one row group (16 MB, or one record where that is larger).
        """
        gone = pa.array([file.file for file in self.summary.unreadable], pa.string())
        for name in self.summary.parts:
            with self._open(name) as part:
                for group in range(part.num_row_groups):
                    for batch in part.iter_batches(batch_size=rows, row_groups=[group]):
                        left = batch
                        if len(gone):
                            of_gone = pc.is_in(batch[SOURCE_COLUMN], value_set=gone)
                            left = batch.filter(pc.invert(of_gone))
                        if left.num_rows:
                            yield fit(left, self.schema)

    def set_aside(self) -> Iterator[pa.RecordBatch]:
        """Yield `_source` (the input and the line or message) and `reason` for each non-record."""
        if self._store.exists(f"{self._folder}/{SET_ASIDE}"):
            with self._open(SET_ASIDE) as part:
                yield from part.iter_batches()

    @contextmanager
    def _open(self, name: str) -> Iterator[pq.ParquetFile]:
        path = f"{self._folder}/{name}"
        try:
            with self._store.open(path) as stream:
                yield pq.ParquetFile(stream, buffer_size=BUFFER_BYTES, pre_buffer=False)
        except (BlobNotFound, pa.ArrowException, OSError) as error:
            raise InvalidData(
                f"the raw part {path} cannot be read ({error}); ingest the source again"
            ) from error


def raw_folder(folder: str) -> str:
    """Return where the parts of an ingest into `folder` lie."""
    return f"{folder}/{FOLDER}"


def unify(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """Return a schema that holds the columns of both; text where their types do not go together.

    It never narrows: unified again with either, it stays the same.
    """
    types = {field.name: field.type for field in first}
    for field in second:
        types[field.name] = _common(types.get(field.name, pa.null()), field.type)
    return pa.schema([pa.field(name, types[name]) for name in types])


def fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return `batch` with the columns and types of a schema that `unify` made of its own."""
    if batch.schema.equals(schema):
        return batch
    names = set(batch.schema.names)
    columns = [
        _cast(batch.column(field.name), field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    if first.equals(second) or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    integers = pa.types.is_integer(first) and pa.types.is_integer(second)
    if integers and pa.uint64() not in {first, second}:
        return pa.int64()
    numbers = (pa.types.is_floating, pa.types.is_integer)
    if all(any(is_a(kind) for is_a in numbers) for kind in (first, second)) and not integers:
        return pa.float64()
    return pa.string()


def _cast(column: pa.Array, target: pa.DataType) -> pa.Array:
    if column.type.equals(target):
        return column
    try:
        return column.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Bytes that are not text, integers too long for a float, types without a cast.
        return pa.array(
            [None if v is None else str(v) for v in column.to_pylist()], pa.string()
        ).cast(target, safe=False)
