"""The pass over raw records: every row is validated, accepted rows go to local disk."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.duplicates.near_duplicates import SignatureFile
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.rows import CheckedBatch, RowChecker
from data_pipeline.versions.files import Quarantine

BATCH_ROWS = 8_192
MAX_SPELLINGS = 1_000
ACCEPTED, EXTRA = "accepted.parquet", "extra.parquet"
ARRIVAL = "_arrival"
"""The number of an accepted row in the order of the source."""
POSITION = "_position"
"""The row of its signature, -1 without one."""

Progress = Callable[[int, int, float], None]
"""Takes rows done, rows in all, and rows per second so far."""
Apply = Callable[[RowChecker, Iterable[pa.RecordBatch]], Iterator[CheckedBatch]]
"""Checks batches in order: `map`, or the same on other machines."""


@dataclass
class Scanned:
    """Counts of the pass; `spellings` are unknown labels."""

    rows: int = 0
    accepted: int = 0
    nul_rows: int = 0
    spellings: Counter[str] = field(default_factory=Counter)

    def add(self, batch: CheckedBatch) -> None:
        """Count one batch."""
        self.rows += batch.rows
        self.accepted += batch.accepted.num_rows
        self.nul_rows += batch.nul_rows
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
    signatures: SignatureFile,
    quarantine: Quarantine,
) -> Scanned:
    """Validate all rows: refused ones go to `quarantine`, accepted ones to `accepted.parquet` in
    `folder`, their columns outside the use case to `extra.parquet`, near-duplicate signatures to
    `signatures`.
    """
    scanned, start = Scanned(), time.perf_counter()
    accepted, extra = _Rows(folder / ACCEPTED), _Rows(folder / EXTRA)
    for batch in apply(checker, raw.batches(BATCH_ROWS)):
        quarantine.add(batch.refused)
        arrival = scanned.accepted + np.arange(batch.accepted.num_rows)
        position = signatures.rows + np.cumsum(batch.has_text) - 1
        signatures.append(batch.minhash[batch.has_text])
        numbers = {ARRIVAL: arrival, POSITION: np.where(batch.has_text, position, -1)}
        accepted.write(batch.accepted, numbers)
        if batch.extra is not None:
            extra.write(batch.extra, {ARRIVAL: arrival})
        scanned.add(batch)
        if progress:
            seconds = max(time.perf_counter() - start, 1e-9)
            progress(scanned.rows, raw.summary.rows, scanned.rows / seconds)
    accepted.close()
    extra.close()
    return scanned


class _Rows:
    """A local Parquet file of tables with numbers per row; there is none until one is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table, numbers: dict[str, np.ndarray]) -> None:
        for name, values in numbers.items():
            table = table.append_column(name, pa.array(values, pa.int64()))
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="lz4")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
