"""The finished chunks of a job, kept until all are finished: a later attempt resumes from them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from batch_inference.chunk_scorer import ScoredChunk
from platform_core.batch.job_objects import create_once
from platform_core.parquet import read_table, table_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import INVALID, PARQUET, checkpoints_folder

_NAME = re.compile(r"(\d{15})-(\d+)-(\d+)-(\d+)\.parquet")


@dataclass(frozen=True)
class RowCounts:
    """Numbers of rows that are done, of invalid ones, and of scored ones with cut fields."""

    done: int = 0
    invalid: int = 0
    truncated: int = 0

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Return the sums."""
        return RowCounts(
            self.done + other.done, self.invalid + other.invalid, self.truncated + other.truncated
        )


@dataclass(frozen=True)
class Checkpoint:
    """The chunk of `rows` rows of the input from row `start`, of which `invalid` are invalid and
    `truncated` were scored with cut fields.
    """

    start: int
    rows: int
    invalid: int
    truncated: int

    @property
    def counts(self) -> RowCounts:
        """The counts of its rows."""
        return RowCounts(self.rows, self.invalid, self.truncated)

    @property
    def name(self) -> str:
        """The name of its object, without suffix; names sort by row."""
        return f"{self.start:015d}-{self.rows}-{self.invalid}-{self.truncated}"


class Checkpoints:
    """The checkpoints of one job.

    A chunk is two objects, created and never replaced: its invalid rows, if any, and then its
    scored rows. So a listed chunk is complete, and two runs cannot write different predictions.
    """

    def __init__(self, store: BlobStore, job_id: str) -> None:
        self._store = store
        self._folder = checkpoints_folder(job_id)

    def finished(self) -> list[Checkpoint]:
        """Return the checkpoints from row 0 up to the first gap."""
        chain: list[Checkpoint] = []
        end = 0
        for checkpoint in sorted(self._listed(), key=lambda found: found.start):
            if checkpoint.start == end:
                chain.append(checkpoint)
                end += checkpoint.rows
        return chain

    def keep(self, start: int, result: ScoredChunk) -> Checkpoint:
        """Store a chunk whose first row is `start`; an existing checkpoint stays."""
        checkpoint = Checkpoint(start, result.rows, result.invalid.num_rows, result.truncated)
        if checkpoint.invalid:
            self._create(checkpoint.name + INVALID, result.invalid)
        self._create(checkpoint.name + PARQUET, result.scored)
        return checkpoint

    def scored(self, chain: Iterable[Checkpoint]) -> Iterator[pa.Table]:
        """Yield the predictions of each checkpoint (`output_schema`), one in memory at a time."""
        for checkpoint in chain:
            yield read_table(self._store, f"{self._folder}/{checkpoint.name}{PARQUET}")

    def invalid(self, chain: Iterable[Checkpoint]) -> Iterator[pa.Table]:
        """Yield the invalid rows of each checkpoint that has any (`invalid_schema`)."""
        for checkpoint in chain:
            if checkpoint.invalid:
                yield read_table(self._store, f"{self._folder}/{checkpoint.name}{INVALID}")

    def _listed(self) -> Iterator[Checkpoint]:
        for blob in self._store.list(self._folder):
            found = _NAME.fullmatch(blob.path.rpartition("/")[2])
            if found:
                yield Checkpoint(*map(int, found.groups()))

    def _create(self, name: str, table: pa.Table) -> None:
        create_once(self._store, f"{self._folder}/{name}", table_bytes(table))


def count_rows(chain: Iterable[Checkpoint]) -> RowCounts:
    """Return the counts of the rows of finished chunks."""
    return sum((checkpoint.counts for checkpoint in chain), RowCounts())
