"""Rows of a Parquet file, or of some of its row groups."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.files import SourceFile
from data_pipeline.sources.formats.limits import BATCH_BYTES, BATCH_ROWS, MEGABYTE
from data_pipeline.sources.items import Item, Rows
from platform_core.errors import InvalidData

MAGIC = b"PAR1"


def read_parquet(file: SourceFile, wanted: Wanted, groups: range | None) -> Iterator[Item]:
    """Yield the rows of `groups` (all where `None`) in order.

    Raises:
        InvalidData: it is no Parquet, damaged, or lacks columns.
    """
    try:
        with file.open_random() as stream:
            yield from _read(file, stream, wanted, groups)
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
    file: SourceFile, stream: pa.NativeFile, wanted: Wanted, groups: range | None
) -> Iterator[Item]:
    if stream.read(len(MAGIC)) != MAGIC:
        raise InvalidData(f"{file.name} is not a Parquet file although its name says so")
    parquet = pq.ParquetFile(stream, buffer_size=MEGABYTE, pre_buffer=False)
    chosen = wanted.choose(file.name, parquet.schema_arrow)
    if groups is None or groups.start == 0:
        yield from chosen.remarks(file.name)
    # Only the columns that are taken are decoded: nested ones may be huge.
    names = [parquet.schema_arrow.names[index] for index in chosen.indices]
    compact = wanted.choose(file.name, pa.schema([parquet.schema_arrow.field(n) for n in names]))
    for group in range(parquet.num_row_groups) if groups is None else groups:
        meta = parquet.metadata.row_group(group)
        rows = _rows_at_once(meta.num_rows, meta.total_byte_size)
        for batch in parquet.iter_batches(rows, row_groups=[group], columns=names):
            ordered = batch.select(names)
            yield Rows(file.name, compact.apply(ordered, file.name))


def _rows_at_once(rows: int, size: int) -> int:
    return max(1, min(BATCH_ROWS, rows * BATCH_BYTES // max(size, 1)))


def _damaged(file: SourceFile, error: Exception) -> InvalidData:
    return InvalidData(f"{file.name} is a damaged Parquet file: {str(error)[:300]}")
