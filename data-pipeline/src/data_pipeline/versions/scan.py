"""The pass over raw records: every row is validated; accepted rows go to local disk."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.near_duplicates import PERMUTATIONS
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.labels import MAX_SPELLINGS
from data_pipeline.validation.rows import CheckedBatch, RowChecker
from data_pipeline.versions.files import Quarantine

BATCH_ROWS = 8_192
ACCEPTED, EXTRA = "accepted.parquet", "extra.parquet"
MINHASH_COLUMN = "_minhash"

Progress = Callable[[int, int, float], None]
"""Takes rows done, rows in all, and rows per second so far."""
Apply = Callable[[RowChecker, Iterable[pa.RecordBatch]], Iterator[CheckedBatch]]
"""Checks batches in order: `map`, or the same on other machines."""


@dataclass
class Scanned:
    """Counts of the pass; `spellings` are unknown labels, `erased` rows were left out."""

    rows: int = 0
    nul_rows: int = 0
    erased: int = 0
    spellings: Counter[str] = field(default_factory=Counter)

    def add(self, batch: CheckedBatch) -> None:
        """Count one batch."""
        self.rows += batch.rows
        self.nul_rows += batch.nul_rows
        self.erased += batch.erased
        self.spellings.update(batch.spellings)
        # A column of free text has any number of them: the rarest are dropped.
        if len(self.spellings) > 2 * MAX_SPELLINGS:
            self.spellings = Counter(dict(self.spellings.most_common(MAX_SPELLINGS)))


def scan(
    raw: RawRecords,
    checker: RowChecker,
    apply: Apply,
    progress: Progress | None,
    folder: Path,
    quarantine: Quarantine,
) -> Scanned:
    """Validate all rows in order: refused ones, and what the ingest set aside, go to `quarantine`,
    accepted ones with their signatures to `accepted.parquet` in `folder`, and the columns that
    the use case does not name to `extra.parquet`, row by row the same.
    """
    scanned, start = Scanned(), time.perf_counter()
    for pieces in raw.set_aside():
        quarantine.add_set_aside(pieces)
        scanned.rows += pieces.num_rows
    writers: dict[str, pq.ParquetWriter] = {}
    with ExitStack() as stack:
        for batch in apply(checker, raw.batches(BATCH_ROWS)):
            quarantine.add(batch.refused)
            accepted = batch.accepted.append_column(MINHASH_COLUMN, _signature_column(batch))
            for name, table in ((ACCEPTED, accepted), (EXTRA, batch.extra)):
                if table is None:
                    continue
                if name not in writers:
                    writer = pq.ParquetWriter(folder / name, table.schema, compression="lz4")
                    writers[name] = stack.enter_context(writer)
                writers[name].write_table(table)
            scanned.add(batch)
            if progress:
                seconds = max(time.perf_counter() - start, 1e-9)
                progress(scanned.rows, raw.summary.rows, scanned.rows / seconds)
    return scanned


def _signature_column(batch: CheckedBatch) -> pa.Array:
    """Return the signature of each accepted row, null for a row without text."""
    _, valid = pa.array(batch.has_text).buffers()
    kind, data = pa.binary(PERMUTATIONS), pa.py_buffer(batch.minhash.tobytes())
    return pa.Array.from_buffers(kind, len(batch.has_text), [valid, data])
