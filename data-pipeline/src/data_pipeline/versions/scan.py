"""The first pass over raw records: every row checked, accepted rows to disk, numbers kept."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.rows import CheckedBatch, RowChecker
from data_pipeline.versions.buckets import ARRIVAL, Buckets
from data_pipeline.versions.files import Quarantine
from data_pipeline.versions.index import ArrivalsBuilder

BATCH_ROWS = 8_192

Progress = Callable[[int, int, float], None]
"""Hears of rows done, rows in all, and rows per second so far."""
Apply = Callable[[RowChecker, Iterable[pa.RecordBatch]], Iterator[CheckedBatch]]
"""Checks batches in order: `map`, or the same on other machines."""


@dataclass
class Scanned:
    """What the first pass saw besides the rows themselves."""

    rows: int = 0
    accepted: int = 0
    nul_rows: int = 0
    spellings: Counter[str] = field(default_factory=Counter)


def scan(
    raw: RawRecords,
    checker: RowChecker,
    apply: Apply,
    progress: Progress,
    buckets: Buckets,
    arrivals: ArrivalsBuilder,
    quarantine: Quarantine,
) -> Scanned:
    """Check all rows: refused ones go to `quarantine`, the others to `buckets` and `arrivals`."""
    scanned, start = Scanned(), time.perf_counter()
    for batch in apply(checker, raw.batches(BATCH_ROWS)):
        quarantine.add(batch.refused)
        numbers = np.arange(scanned.accepted, scanned.accepted + batch.accepted.num_rows)
        if len(numbers):
            buckets.append(batch.accepted.append_column(ARRIVAL, pa.array(numbers)))
        arrivals.add(batch)
        scanned.rows += batch.rows
        scanned.accepted += len(numbers)
        scanned.nul_rows += batch.nul_rows
        scanned.spellings.update(batch.spellings)
        _bound(scanned.spellings)
        seconds = max(time.perf_counter() - start, 1e-9)
        progress(scanned.rows, raw.summary.rows, scanned.rows / seconds)
    return scanned


def _bound(spellings: Counter[str], most: int = 1_000) -> None:
    """Forget the rarest labels: a column of free text has no end of them."""
    if len(spellings) > 2 * most:
        for text, _ in spellings.most_common()[most:]:
            del spellings[text]
