"""The input of a job: Parquet objects, read as a stream of chunks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from batch_inference.input.plan import InputPlan, open_input
from platform_core.ports.blob_store import BlobStore

# Rows decoded at a time; chunks consist of these, which bounds the memory for large records.
READ_ROWS = 1_000


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the input; `start` is the number of the first, counted from 0."""

    start: int
    table: pa.Table


class InputReader:
    """All rows of the objects of a plan, in the order of the plan."""

    def __init__(self, store: BlobStore, plan: InputPlan, columns: Sequence[str]) -> None:
        self._store = store
        self._plan = plan
        self._columns = list(columns)

    def chunks(self, start: int, rows: int, size: int) -> Iterator[Chunk]:
        """Yield chunks in order from row `start`; a chunk ends at `rows` rows or `size` bytes.

        A chunk also ends where the next file has other column types.
        """
        pending: list[pa.RecordBatch] = []
        for batch in self._batches(start, min(rows, READ_ROWS)):
            if pending and (
                sum(other.num_rows for other in pending) >= rows
                or sum(other.nbytes for other in pending) >= size
                or not batch.schema.equals(pending[0].schema)
            ):
                chunk = Chunk(start, pa.Table.from_batches(pending))
                yield chunk
                start += chunk.table.num_rows
                pending = []
            pending.append(batch)
        if pending:
            yield Chunk(start, pa.Table.from_batches(pending))

    def _batches(self, start: int, rows: int) -> Iterator[pa.RecordBatch]:
        first = 0
        for info in self._plan.files:
            if first + info.rows > start:
                with open_input(self._store, info.path) as file:
                    yield from self._from_row(file, max(0, start - first), rows)
            first += info.rows

    def _from_row(self, file: pq.ParquetFile, skip: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file after the first `skip`, without reading earlier row groups."""
        group = 0
        while skip and skip >= file.metadata.row_group(group).num_rows:
            skip -= file.metadata.row_group(group).num_rows
            group += 1
        groups = range(group, file.metadata.num_row_groups)
        for batch in file.iter_batches(batch_size=rows, row_groups=groups, columns=self._columns):
            rest = batch.slice(min(skip, batch.num_rows))
            skip -= batch.num_rows - rest.num_rows
            if rest.num_rows:
                yield rest
