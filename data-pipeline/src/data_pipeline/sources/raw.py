"""Raw records: what a source held, as Parquet parts below a folder in blob storage.

`<folder>/raw/part-00000.parquet …` in the order of the source, then `<folder>/raw/_INGEST.json`.
Without that last file an ingest did not end, and its parts count for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.ports.blob_store import BlobStore

FOLDER = "raw"
SUMMARY = "_INGEST.json"
SOURCE_COLUMN = "_source"
"""Which file of the source a row came from, relative to what was given; `generated` otherwise."""
BUFFER_BYTES = 1 << 20


class UnreadableFile(Contract):
    """A file of the source that was left out, and why."""

    file: str
    reason: str


class IngestSummary(Contract):
    """What one ingest found. `source` is free of credentials and query strings.

    `rows`, `files` and `bytes` count what was read (bytes as they lie in the source, packed or
    not); `rows_malformed` are lines of CSV or JSON that could not be parsed and were left out.
    `columns` are those of the parts; `warnings` are sentences for people.
    """

    source: str
    rows: int = Field(ge=0)
    files: int = Field(ge=0)
    seconds: float = Field(ge=0)
    bytes: int = Field(ge=0)
    unreadable: tuple[UnreadableFile, ...] = ()
    columns: tuple[str, ...]
    rows_malformed: int = Field(default=0, ge=0)
    warnings: tuple[str, ...] = ()
    parts: tuple[str, ...]


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

    @property
    def schema(self) -> pa.Schema:
        """The schema that every batch has."""
        with self._open(self.summary.parts[0]) as part:
            return part.schema_arrow

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield all records in order, at most `rows` at a time, fewer where they are large.

        Memory stays at about one row group (16 MB, or one record where that is larger).
        """
        for name in self.summary.parts:
            with self._open(name) as part:
                for group in range(part.num_row_groups):
                    yield from part.iter_batches(batch_size=rows, row_groups=[group])

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
