"""What the report reads: narrow columns of all rows, whole rows of a sample."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.ports.blob_store import BlobStore

BATCH_ROWS = 8_192


def batches(
    store: BlobStore, path: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet object in order, one batch in memory at a time."""
    with store.open(path) as stream:
        file = pq.ParquetFile(stream, pre_buffer=False)
        present = [n for n in columns or () if n in file.schema_arrow.names] or None
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=present)


def first_rows(
    store: BlobStore, path: str, rows: int, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the first `rows` rows of a Parquet object without reading the others.

    Columns that it does not have are left out.
    """
    kept: list[pa.RecordBatch] = []
    missing = rows
    schema = None
    for batch in batches(store, path, columns):
        schema = batch.schema
        kept.append(batch.slice(0, missing))
        missing -= kept[-1].num_rows
        if missing <= 0:
            break
    return pa.Table.from_batches(kept, schema) if schema else pa.table({})


def narrow_columns(store: BlobStore, path: str, names: Sequence[str]) -> pa.Table:
    """Return the named columns of all rows: some dozens of bytes a row where they are short."""
    found = list(batches(store, path, names))
    return pa.Table.from_batches(found) if found else pa.table({})


def rows_with(
    store: BlobStore, path: str, column: str, values: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Return the rows whose `column` is one of `values`; row groups without them are skipped."""
    with store.open(path) as file:
        return pq.read_table(file, columns=list(columns), filters=[(column, "in", list(values))])
