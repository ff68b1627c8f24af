"""The input of a job: Parquet objects, read as a stream of chunks."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.errors import InvalidData
from platform_core.ports.blob_store import BlobStore

SUFFIX = ".parquet"
HIDDEN = ("_", ".")
# Rows decoded at a time; chunks are made of these, so that large records cannot pile up.
READ_ROWS = 1_000
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the input; `start` is the first one's number, counted from 0."""

    start: int
    table: pa.Table


class Source:
    """All rows of an object, or of the `.parquet` objects below a folder in order of path."""

    def __init__(self, store: BlobStore, path: str, columns: Sequence[str]) -> None:
        """Look at the input without reading its rows.

        Raises:
            InvalidData: nothing is there, it is not Parquet, columns are missing, or it has
                no rows.
        """
        self._files = store.filesystem()
        self._columns = list(columns)
        self._paths = _objects(store, path)
        self.rows = sum(self._inspect(name) for name in self._paths)
        if self.rows == 0:
            raise InvalidData(f"the input {path} has no rows; there is nothing to score")

    def chunks(self, rows: int, size: int) -> Iterator[Chunk]:
        """Yield chunks in order; one is full at `rows` rows or `size` bytes.

        A chunk also ends where the next file holds its columns in other types.
        """
        start, pending = 0, _Pending()
        for batch in self._batches(min(rows, READ_ROWS)):
            if pending.full(rows, size) or not pending.takes(batch):
                yield Chunk(start, pending.table())
                start, pending = start + pending.rows, _Pending()
            pending.add(batch)
        yield Chunk(start, pending.table())

    def _batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        for path in self._paths:
            with self._open(path) as file:
                yield from file.iter_batches(batch_size=rows, columns=self._columns)

    def _inspect(self, path: str) -> int:
        with self._open(path) as file:
            names = file.schema_arrow.names
            missing = [name for name in self._columns if name not in names]
            repeated = [name for name in self._columns if names.count(name) > 1]
            if missing or repeated:
                what = "has no column" if missing else "has more than one column"
                raise InvalidData(
                    f"the input {path} {what} {', '.join(missing or repeated)}; it has "
                    f"{', '.join(names)} and must have {', '.join(self._columns)}, each once"
                )
            return file.metadata.num_rows

    @contextmanager
    def _open(self, path: str) -> Iterator[pq.ParquetFile]:
        try:
            with self._files.open_input_file(path) as stream:
                yield pq.ParquetFile(stream, buffer_size=BUFFER_BYTES, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidData(
                f"the input {path} cannot be read as Parquet: {_reason(error)}"
            ) from error


def _reason(error: pa.ArrowInvalid | OSError) -> str:
    """Return what is wrong, without the folders of this server that the system's errors name."""
    number = getattr(error, "errno", None)
    return str(error) if number is None else os.strerror(number)


class _Pending:
    """Batches that wait to become a chunk."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self.rows = 0
        self._size = 0

    def full(self, rows: int, size: int) -> bool:
        return self.rows >= rows or self._size >= size

    def takes(self, batch: pa.RecordBatch) -> bool:
        return not self._batches or batch.schema.equals(self._batches[0].schema)

    def add(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self.rows += batch.num_rows
        self._size += batch.nbytes

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self._batches)


def _objects(store: BlobStore, path: str) -> list[str]:
    if store.exists(path):
        return [path]
    names = [blob.path for blob in store.list(path)]
    found = [name for name in names if name.endswith(SUFFIX) and not _hidden(name, path)]
    if not found:
        raise InvalidData(
            f"there is no input at {path}: neither an object nor a folder with {SUFFIX} objects"
        )
    return found


def _hidden(name: str, folder: str) -> bool:
    parts = name.removeprefix(f"{folder}/").split("/")
    return any(part.startswith(HIDDEN) for part in parts)
