"""Erased records: none of their rows is read from a dataset version or gets into a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import ROW_ID
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import record_tombstone_path
from use_cases import UseCase

if TYPE_CHECKING:
    # Code that only reads a dataset version need not import the row checks.
    from data_pipeline.validation.rows import CheckedBatch, RowChecker
    from data_pipeline.versions.scan import Apply


@dataclass(frozen=True)
class ErasedRecords:
    """The tombstones of the erased records of a use case; always none where records have no id."""

    case: UseCase
    tombstones: frozenset[str]

    @classmethod
    def read(cls, store: BlobStore, case: UseCase) -> ErasedRecords:
        """Return the records that are erased now."""
        if case.id_column is None:
            return cls(case, frozenset())
        blobs = store.list(record_tombstone_path(case.name))
        return cls(case, frozenset(blob.path for blob in blobs))

    def columns(self) -> list[str]:
        """Return the columns that `row_ids` needs; none where nothing is erased."""
        return [ROW_ID, self.case.id_column] if self.tombstones and self.case.id_column else []

    def row_ids(self, records: pa.Table) -> pa.Array:
        """Return the `row_id` of each row of an erased record."""
        if not self.columns():
            return pa.array([], pa.string())
        return records.filter(pc.invert(self._kept(records)))[ROW_ID].combine_chunks()

    def without(self, records: pa.Table) -> pa.Table:
        """Return the rows of records that are not erased."""
        return records.filter(self._kept(records)) if self.tombstones else records

    def left_out(self, apply: Apply) -> Apply:
        """Return `apply` without the rows of erased records, which it counts in each batch."""

        def check(checker: RowChecker, raw: Iterable[pa.RecordBatch]) -> Iterator[CheckedBatch]:
            return (self._left_out(batch) for batch in apply(checker, raw))

        return check if self.tombstones else apply

    def _left_out(self, batch: CheckedBatch) -> CheckedBatch:
        kept = self._kept(batch.accepted)
        chosen = kept.to_numpy(zero_copy_only=False)
        accepted, refused = batch.accepted.filter(kept), self.without(batch.refused)
        before = batch.accepted.num_rows + batch.refused.num_rows
        return replace(
            batch,
            accepted=accepted,
            extra=None if batch.extra is None else batch.extra.filter(kept),
            refused=refused,
            minhash=batch.minhash[chosen],
            has_text=batch.has_text[chosen],
            erased=before - accepted.num_rows - refused.num_rows,
        )

    def _kept(self, records: pa.Table) -> pa.Array:
        """Return which rows are not of an erased record."""
        ids = records[self.case.id_column].to_pylist()
        paths = (None if one is None else record_tombstone_path(self.case.name, one) for one in ids)
        return pa.array([path not in self.tombstones for path in paths], pa.bool_())
