"""Writing raw parts: of bounded size, one schema in the end, and all of them or none."""

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.sources.formats.limits import MEGABYTE
from data_pipeline.sources.raw import SOURCE_COLUMN, SUMMARY, IngestSummary
from data_pipeline.sources.schemas import fit, unify
from platform_core.parquet import COMPRESSION
from platform_core.ports.blob_store import BlobStore

PART_BYTES = 64 * MEGABYTE
GROUP_BYTES = 16 * MEGABYTE


class PartWriter:
    """Writes batches as `part-00000.parquet …` below `folder`; leaving it by an error, or
    without `finish`, takes away whatever was written.

    Files of a source disagree about types. A part holds one schema; those that turn out to be
    narrower than the last one are written again at the end.
    """

    def __init__(
        self, store: BlobStore, folder: str, order: Callable[[list[str]], list[str]]
    ) -> None:
        self._store, self._folder, self._order = store, folder, order
        self._schema = pa.schema([])
        self._written: list[pa.Schema] = []
        self._first_part: dict[str, int] = {}
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = self._part_bytes = 0
        self._part: pq.ParquetWriter | None = None
        self._finished = False

    def __enter__(self) -> "PartWriter":
        self._remove_all()  # of an attempt before this one
        self._scratch = tempfile.TemporaryDirectory(prefix="ingest-")
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._part is not None:
                self._part.close()
            if not self._finished:
                self._remove_all()
        finally:
            self._scratch.cleanup()

    def add(self, file: str, batch: pa.RecordBatch) -> None:
        """Take rows of `file`."""
        schema = unify(self._schema, batch.schema, self._order)
        if not schema.equals(self._schema):
            self._end_part()
            self._schema = schema
        self._first_part.setdefault(file, len(self._written))
        self._waiting.append(fit(batch, schema))
        self._waiting_bytes += batch.nbytes
        if self._waiting_bytes >= GROUP_BYTES:
            self._write_group()
        if self._part_bytes >= PART_BYTES:
            self._end_part()

    def finish(self, without: Collection[str]) -> tuple[tuple[str, ...], pa.Schema, int]:
        """Return the parts' names, their schema and rows, after taking out the rows of the files
        in `without`.
        """
        self._end_part()
        broken = [self._first_part[file] for file in without if file in self._first_part]
        from_part = min(broken, default=len(self._written))
        gone = pa.array(sorted(without), pa.string())
        rows, kept = 0, []
        for number, schema in enumerate(self._written):
            if number < from_part and schema.equals(self._schema):
                rows += self._rows(number)
                kept.append(_name(number))
            elif count := self._rewrite(number, gone):
                rows += count
                kept.append(_name(number))
        return tuple(kept), self._schema, rows

    def seal(self, summary: IngestSummary) -> None:
        """Write the summary: from now on the parts count."""
        text = summary.model_dump_json(indent=1)
        self._store.write(f"{self._folder}/{SUMMARY}", text.encode())
        self._finished = True

    def _write_group(self) -> None:
        if not self._waiting:
            return
        if self._part is None:
            self._part = pq.ParquetWriter(self._file, self._schema, compression=COMPRESSION)
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        self._part.write_table(table, row_group_size=max(1, table.num_rows))
        self._part_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0

    def _end_part(self) -> None:
        self._write_group()
        if self._part is None:
            return
        self._part.close()
        self._store.upload(self._file, self._path(len(self._written)))
        self._written.append(self._schema)
        self._part, self._part_bytes = None, 0

    def _rewrite(self, number: int, gone: pa.Array) -> int:
        """Write a part again with the last schema and without the rows of the files `gone`."""
        rows, again = 0, Path(self._scratch.name) / "again.parquet"
        self._store.download(self._path(number), self._file)
        with (
            pq.ParquetFile(self._file) as part,
            pq.ParquetWriter(again, self._schema, compression=COMPRESSION) as writer,
        ):
            for group in range(part.num_row_groups):
                table = part.read_row_group(group)
                left = table.filter(pc.invert(pc.is_in(table[SOURCE_COLUMN], value_set=gone)))
                for batch in left.combine_chunks().to_batches():
                    writer.write_batch(fit(batch, self._schema))
                    rows += batch.num_rows
        if rows:
            self._store.upload(again, self._path(number))
        else:
            self._store.delete(self._path(number))
        return rows

    def _rows(self, number: int) -> int:
        with self._store.open(self._path(number)) as stream:
            return int(pq.ParquetFile(stream).metadata.num_rows)

    def _remove_all(self) -> None:
        self._store.delete(f"{self._folder}/{SUMMARY}")
        for blob in list(self._store.list(self._folder)):
            self._store.delete(blob.path)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{_name(number)}"

    @property
    def _file(self) -> Path:
        return Path(self._scratch.name) / "part.parquet"


def _name(number: int) -> str:
    return f"part-{number:05d}.parquet"
