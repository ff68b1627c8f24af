"""Parquet tables in a blob store."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.ports.blob_store import BlobStore

COMPRESSION = "zstd"


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
