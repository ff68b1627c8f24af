"""The output of a job: one Parquet object, or a folder of them, and the side file."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.contracts.batch_job import PARQUET
from platform_core.errors import BlobNotFound
from platform_core.parquet import COMPRESSION, write_table
from platform_core.ports.blob_store import BlobStore

SUCCESS = "_SUCCESS"
PART = "part-"
SUMMARY_KEY = "mlplatform.batch_job"


@dataclass(frozen=True)
class Summary:
    """What a finished output says of itself: whose it is and how many rows went in."""

    job_id: str
    rows_total: int
    rows_invalid: int


class Output(Protocol):
    """Takes tables in order; nothing counts as output before `commit`."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        ...

    def commit(self, summary: Summary) -> None:
        """Put the output in place."""
        ...

    def discard(self) -> None:
        """Remove what was written; does nothing after `commit`."""
        ...


class FileOutput:
    """One object, streamed to a temporary file of this machine and uploaded in one step."""

    def __init__(self, store: BlobStore, path: str, schema: pa.Schema) -> None:
        self._store = store
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix="batch-")
        self._file = Path(self._folder.name) / "output.parquet"
        self._writer = pq.ParquetWriter(self._file, schema, compression=COMPRESSION)

    def write(self, table: pa.Table) -> None:
        """Append rows as a row group."""
        if table.num_rows:
            self._writer.write_table(table)

    def commit(self, summary: Summary) -> None:
        """Close the file with its summary and upload it."""
        self._writer.add_key_value_metadata({SUMMARY_KEY: json.dumps(asdict(summary))})
        self._writer.close()
        self._store.upload(self._file, self._path)
        self.discard()

    def discard(self) -> None:
        """Remove the temporary file."""
        self._writer.close()
        self._folder.cleanup()


class FolderOutput:
    """`part-00000.parquet`… below a folder, one per chunk, then `_SUCCESS`.

    Parts of an earlier attempt are removed first.
    """

    def __init__(self, store: BlobStore, path: str) -> None:
        self._store = store
        self._path = path
        self._parts = 0
        self._committed = False
        self._clear()

    def write(self, table: pa.Table) -> None:
        """Write one part; no part is without rows."""
        if table.num_rows:
            write_table(self._store, f"{self._path}/{PART}{self._parts:05d}{PARQUET}", table)
            self._parts += 1

    def commit(self, summary: Summary) -> None:
        """Write the summary as `_SUCCESS`."""
        self._store.write(f"{self._path}/{SUCCESS}", json.dumps(asdict(summary)).encode())
        self._committed = True

    def discard(self) -> None:
        """Remove the parts."""
        if not self._committed:
            self._clear()

    def _clear(self) -> None:
        # `_SUCCESS` sorts before the parts: a folder never claims parts that are gone.
        for blob in self._store.list(self._path):
            name = blob.path.removeprefix(f"{self._path}/")
            if name == SUCCESS or (name.startswith(PART) and name.endswith(PARQUET)):
                self._store.delete(blob.path)


def output_to(store: BlobStore, path: str, schema: pa.Schema) -> Output:
    """Return one object for a path that ends in `.parquet`, a folder for any other."""
    return FileOutput(store, path, schema) if path.endswith(PARQUET) else FolderOutput(store, path)


def finished(store: BlobStore, path: str, job_id: str) -> Summary | None:
    """Return the summary of an output that this very job has put in place."""
    summary = _file_summary(store, path) if path.endswith(PARQUET) else _folder_summary(store, path)
    return summary if summary and summary.job_id == job_id else None


def _file_summary(store: BlobStore, path: str) -> Summary | None:
    if not store.exists(path):
        return None
    try:
        with store.filesystem().open_input_file(path) as file:
            metadata = pq.read_metadata(file).metadata or {}
        return Summary(**json.loads(metadata[SUMMARY_KEY.encode()]))
    except (OSError, KeyError, ValueError, TypeError):  # not Parquet, or not of a batch job
        return None


def _folder_summary(store: BlobStore, path: str) -> Summary | None:
    try:
        text = store.read(f"{path}/{SUCCESS}")
        return Summary(**json.loads(text))
    except (BlobNotFound, ValueError, TypeError):
        return None
