"""An external sort: rows go to files by the beginning of their `row_id`, each small enough to be
sorted in memory.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from data_pipeline.columns import ROW_ID
from data_pipeline.versions.identity import ids_as_integers

BUCKET_BYTES, BUCKET_ROWS = 24 << 20, 16_384
MAX_BUCKETS = 256
UNPACKED = 4
ARRIVAL = "_arrival"
"""The number of a row in the order of the source."""
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def bucket_count(size: int, rows: int) -> int:
    """Return into how many buckets `rows` of a source of `size` bytes go; it may be packed."""
    return min(max(size * UNPACKED // BUCKET_BYTES, rows // BUCKET_ROWS, 1), MAX_BUCKETS)


class Buckets:
    """Rows of one schema on local disk; a context manager."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._open = ExitStack()
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._open.close()

    def append(self, rows: pa.Table) -> None:
        """Write rows, which have a `row_id`, to the buckets they belong to."""
        ids = ids_as_integers(rows[ROW_ID])
        buckets = ((ids >> np.uint64(48)) * np.uint64(self._count)) >> np.uint64(16)
        order = np.argsort(buckets, kind="stable")
        ordered = rows.take(pa.array(order)).combine_chunks()
        found, starts = np.unique(buckets[order], return_index=True)
        ends = [*starts[1:], len(order)]
        for bucket, start, end in zip(found.tolist(), starts, ends, strict=True):
            self._writer(bucket, rows.schema).write_table(ordered.slice(start, end - start))

    def sorted(self) -> Iterator[pa.Table]:
        """Yield all rows in the order of `row_id` and arrival, a bucket at a time."""
        self._open.close()
        for bucket in sorted(self._writers):
            path = self._path(bucket)
            with pa.OSFile(str(path)) as file:
                rows = pa.ipc.open_stream(file).read_all()
            path.unlink()
            yield rows.sort_by([(ROW_ID, "ascending"), (ARRIVAL, "ascending")])

    def _writer(self, bucket: int, schema: pa.Schema) -> pa.ipc.RecordBatchStreamWriter:
        if bucket not in self._writers:
            sink = self._open.enter_context(pa.OSFile(str(self._path(bucket)), "wb"))
            writer = pa.ipc.new_stream(sink, schema, options=_OPTIONS)
            self._writers[bucket] = self._open.enter_context(writer)
        return self._writers[bucket]

    def _path(self, bucket: int) -> Path:
        return self._folder / f"bucket-{bucket:03}.arrow"
