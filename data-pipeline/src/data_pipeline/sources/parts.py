"""Writing raw parts: of bounded size, all of them or none."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.sources.events import Rejected
from data_pipeline.sources.formats.opening import MEGABYTE
from data_pipeline.sources.raw import (
    REASON,
    SET_ASIDE,
    SOURCE_COLUMN,
    SUMMARY,
    IngestSummary,
    fit,
    unify,
)
from platform_core.parquet import COMPRESSION
from platform_core.ports.blob_store import BlobStore

PART_BYTES = 64 * MEGABYTE
GROUP_BYTES = 16 * MEGABYTE
SET_ASIDE_SCHEMA = pa.schema([pa.field(SOURCE_COLUMN, pa.string()), pa.field(REASON, pa.string())])


class PartWriter:
    """Writes batches as `part-00000.parquet …` below `folder`; leaving it by an error, or
    without `seal`, removes whatever was written.

    Files of a source disagree about types. A part holds one schema, which is at least as wide as
    that of the part before it; readers bring all to the widest.
    """

    def __init__(self, store: BlobStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self.names: list[str] = []
        """The parts that were written."""
        self.schema = pa.schema([])
        """The columns of the last part."""
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = self._part_bytes = 0
        self._part: pq.ParquetWriter | None = None
        self._set_aside: pq.ParquetWriter | None = None
        self._sealed = False

    def __enter__(self) -> "PartWriter":
        self._remove_all()  # of an attempt before this one
        self._scratch = tempfile.TemporaryDirectory(prefix="ingest-")
        return self

    def __exit__(self, *error: object) -> None:
        try:
            for writer in (self._part, self._set_aside):
                if writer is not None:
                    writer.close()
            if not self._sealed:
                self._remove_all()
        finally:
            self._scratch.cleanup()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        schema = unify(self.schema, batch.schema)
        if not schema.equals(self.schema):
            self._end_part()
            self.schema = schema
        self._waiting.append(fit(batch, schema))
        self._waiting_bytes += batch.nbytes
        if self._waiting_bytes >= GROUP_BYTES:
            self._write_group()
        if self._part_bytes >= PART_BYTES:
            self._end_part()

    def set_aside(self, file: str, pieces: Sequence[Rejected]) -> None:
        """Write the pieces of `file` that could not be read as rows."""
        if self._set_aside is None:
            self._set_aside = pq.ParquetWriter(self._path(SET_ASIDE), SET_ASIDE_SCHEMA)
        places = [f"{file}:{piece.first}" for piece in pieces]
        columns = [places, [piece.reason for piece in pieces]]
        self._set_aside.write(pa.record_batch(columns, schema=SET_ASIDE_SCHEMA))

    def finish(self) -> None:
        """Write what is left; after it the parts and their schema are known."""
        self._end_part()
        if self._set_aside is not None:
            self._set_aside.close()
            self._store.upload(self._path(SET_ASIDE), f"{self._folder}/{SET_ASIDE}")

    def seal(self, summary: IngestSummary) -> None:
        """Write the summary: from now on the parts count."""
        text = summary.model_dump_json(indent=1)
        self._store.write(f"{self._folder}/{SUMMARY}", text.encode())
        self._sealed = True

    def _write_group(self) -> None:
        if not self._waiting:
            return
        if self._part is None:
            path = self._path("part.parquet")
            self._part = pq.ParquetWriter(path, self.schema, compression=COMPRESSION)
        table = pa.Table.from_batches(self._waiting, schema=self.schema)
        self._part.write_table(table, row_group_size=max(1, table.num_rows))
        self._part_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0

    def _end_part(self) -> None:
        self._write_group()
        if self._part is None:
            return
        self._part.close()
        name = f"part-{len(self.names):05d}.parquet"
        self._store.upload(self._path("part.parquet"), f"{self._folder}/{name}")
        self.names.append(name)
        self._part, self._part_bytes = None, 0

    def _remove_all(self) -> None:
        self._store.delete(f"{self._folder}/{SUMMARY}")
        for blob in list(self._store.list(self._folder)):
            self._store.delete(blob.path)

    def _path(self, name: str) -> Path:
        return Path(self._scratch.name) / name
