"""The output of a job: one Parquet object, or a folder of them, and the side file."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.batch import SUMMARY_KEY, BatchSummary
from platform_core.parquet import COMPRESSION, write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import PARQUET, PART, SUCCESS, part_path, success_path


def put_output(
    store: BlobStore,
    path: str,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    summary: BatchSummary,
) -> None:
    """Write the rows of `tables`, with one table in memory at a time.

    A path that ends in `.parquet` becomes one object, any other a folder of parts. Repeating it,
    after a crash or concurrently with another process, gives the same result.
    """
    if path.endswith(PARQUET):
        put_file(store, path, schema, tables, summary)
    else:
        _put_folder(store, path, tables, summary)


def put_file(
    store: BlobStore,
    path: str,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    summary: BatchSummary,
) -> None:
    """Write tables to a temporary local file, and upload it in one step."""
    with tempfile.TemporaryDirectory(prefix="batch-") as folder:
        file = Path(folder) / "output.parquet"
        with pq.ParquetWriter(file, schema, compression=COMPRESSION) as writer:
            for table in tables:
                if table.num_rows:
                    writer.write_table(table)
            writer.add_key_value_metadata({SUMMARY_KEY: summary.model_dump_json()})
        store.upload(file, path)


def _put_folder(
    store: BlobStore, path: str, tables: Iterable[pa.Table], summary: BatchSummary
) -> None:
    """Delete earlier parts, write `part-00000.parquet`… without empty ones, then `_SUCCESS`."""
    _clear(store, path)
    filled = (table for table in tables if table.num_rows)
    for number, table in enumerate(filled):
        write_table(store, part_path(path, number), table)
    store.write(success_path(path), summary.model_dump_json().encode())


def _clear(store: BlobStore, path: str) -> None:
    # `_SUCCESS` sorts before the parts: a folder never claims parts that are gone.
    for blob in store.list(path):
        name = blob.path.removeprefix(f"{path}/")
        if name == SUCCESS or (name.startswith(PART) and name.endswith(PARQUET)):
            store.delete(blob.path)
