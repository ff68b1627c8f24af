"""Parquet tables in a blob store."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.ports.blob_store import BlobStore

COMPRESSION = "zstd"
BUFFER_BYTES = 1 << 20


def table_bytes(table: pa.Table) -> bytes:
    """Return `table` as the bytes of one Parquet file; the same table gives the same bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression=COMPRESSION)
    return sink.getvalue()


def write_table(store: BlobStore, path: str, table: pa.Table) -> None:
    """Write `table` to `path` in one step."""
    store.write(path, table_bytes(table))


def read_table(store: BlobStore, path: str, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet object; `BlobNotFound` when it is not there."""
    return pq.read_table(io.BytesIO(store.read(path)), columns=columns)


@contextmanager
def open_parquet(
    store: BlobStore, path: str, encoded: Sequence[str] = ()
) -> Iterator[pq.ParquetFile]:
    """Open one Parquet object to read its footer, row groups or batches.

    The string columns in `encoded` are read as dictionaries. Raises Arrow's `OSError` and
    `ArrowInvalid` for an object that is not Parquet.
    """
    with store.open(path) as source:
        yield pq.ParquetFile(source, read_dictionary=list(encoded), buffer_size=BUFFER_BYTES)
