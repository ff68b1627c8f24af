"""The output of a job: one Parquet object, or a folder of them, and the side file."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.contracts.batch_job import SUMMARY_KEY, BatchSummary
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
    """Put the rows of `tables` in place, one table in memory at a time.

    A path that ends in `.parquet` becomes one object, any other a folder of parts. Doing it
    again, after having been killed or at the same time as somebody else, gives the same.
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
    """Stream tables to a temporary file of this machine, and upload it in one step."""
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
    """Write `part-00000.parquet`… without empty parts, then `_SUCCESS`; earlier parts go first."""
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
