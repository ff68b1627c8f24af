"""Rows of a Parquet file, or of some of its row groups."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import ROWS, FileFinished, ReadEvent, SourceRows
from data_pipeline.sources.formats.opening import (
    BATCH_BYTES,
    BATCH_ROWS,
    MEGABYTE,
    PARQUET,
    SourceFile,
)
from platform_core.errors import InvalidData


def read_parquet(
    file: SourceFile, mapping: ColumnMapping, groups: range | None, size: int
) -> Iterator[ReadEvent]:
    """Yield the rows of `groups` (all where `None`, `size` bytes) in order.

    Raises:
        InvalidData: it is not Parquet, is damaged, or lacks columns.
    """
    try:
        with file.open_random() as stream:
            yield from _read(file, stream, mapping, groups, size)
    except pa.ArrowException as error:
        raise _damaged(file, error) from error


def row_groups(file: SourceFile) -> int:
    """Return how many row groups the file has; its rows are not read."""
    try:
        with file.open_random() as stream:
            return int(pq.ParquetFile(stream).num_row_groups)
    except pa.ArrowException as error:
        raise _damaged(file, error) from error


def _read(
    file: SourceFile,
    stream: pa.NativeFile,
    mapping: ColumnMapping,
    groups: range | None,
    size: int,
) -> Iterator[ReadEvent]:
    magic = stream.read(len(PARQUET))
    if magic == b"PARE":
        raise InvalidData(f"{file.name} is an encrypted Parquet file; decrypt it")
    if magic != PARQUET:
        raise InvalidData(f"{file.name} is not a Parquet file although its name says so")
    parquet = pq.ParquetFile(
        stream, buffer_size=MEGABYTE, pre_buffer=False,
        coerce_int96_timestamp_unit="us",  # nanoseconds end in 2262 and wrap around
    )  # fmt: skip
    fields = list(parquet.schema_arrow)
    selection = mapping.select(file, fields)
    first = groups is None or groups.start == 0
    if first:
        yield from selection.notes(file.name)
    # Columns go by position: two may have one name. Nested ones, not taken, have several leaves.
    starts = [0]
    for field in fields:
        starts.append(starts[-1] + _leaves(field.type))
    leaves = [starts[index] for index in selection.indices]
    total = 0
    for group in range(parquet.num_row_groups) if groups is None else groups:
        meta = parquet.metadata.row_group(group)
        fitting = meta.num_rows * BATCH_BYTES // (meta.total_byte_size or 1)
        for batch in parquet.reader.iter_batches(
            max(1, min(BATCH_ROWS, fitting)), row_groups=[group], column_indices=leaves
        ):
            total += batch.num_rows
            yield SourceRows(file.name, selection.apply(batch.columns, file.name))
    yield FileFinished(file.name, ROWS, total, size, files=int(first))


def _leaves(kind: pa.DataType) -> int:
    """Return how many columns Parquet stores for a type."""
    if not pa.types.is_nested(kind):
        return 1
    return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields))


def _damaged(file: SourceFile, error: Exception) -> InvalidData:
    return InvalidData(f"{file.name} is a damaged Parquet file: {str(error)[:300]}")
