"""Fills the record index from the objects of the inference log and of the labels."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from platform_core import storage
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import is_answer
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import BlobNotFound
from platform_core.parquet import open_parquet, read_table
from platform_core.ports.blob_store import BlobStore
from records.columns import (
    COMMON_COLUMNS,
    FAILED,
    PREDICTION,
    PREDICTION_ID,
    PURPOSE,
    RELEASE_ID,
    ROLE,
    TIME,
    log_columns,
)
from records.index.database import IndexedRecord, RecordIndex
from use_cases import UseCase, use_case, use_case_names

EVERYTHING_AFTER = timedelta(hours=1)
"""How often all objects are listed; in between, only those of today and yesterday."""
BATCH_ROWS = 1000


class Indexer:
    """Adds what is in the blob store and not in the index.

    With `search_text` the text fields of the logged input, after redaction, can be searched;
    without it only the id of a record can.
    """

    def __init__(
        self, index: RecordIndex, store: BlobStore, clock: Clock, search_text: bool
    ) -> None:
        self._index = index
        self._store = store
        self._clock = clock
        self._search_text = search_text

    def update(self) -> int:
        """Add new objects and remove those that are gone; return how many were added.

        Raises:
            UpstreamUnavailable: the blob store cannot be reached, or the index is locked.
        """
        now = self._clock.now()
        last = self._index.state("complete")
        everything = last is None or now - datetime.fromisoformat(last) >= EVERYTHING_AFTER
        known = self._index.known_objects()
        found: set[str] = set()
        added = 0
        for name in use_case_names():
            case = use_case(name)
            self._erase(name)
            for path in self._objects(case, None if everything else now):
                found.add(path)
                if path not in known:
                    self._add(case, path)
                    added += 1
        if everything:
            self._index.forget_objects(known - found)
            self._index.set_state("complete", now.isoformat())
        return added

    def _erase(self, name: str) -> None:
        """Remove the predictions that were erased since the last update."""
        tombstones = self._store.list(storage.tombstones_folder(name))
        ids = {storage.parse_tombstone(blob.path) for blob in tombstones} - {None}
        new = ids - self._index.all_erased() if ids else ids
        if new:
            self._index.erase(sorted(one for one in new if one))

    def _objects(self, case: UseCase, now: datetime | None) -> Iterator[str]:
        """Yield the objects of a use case: all of them, or those of today and yesterday."""
        folders = [storage.log_folder(case.name, environment) for environment in Environment]
        folders.append(storage.label_folder(case.name))
        if now is not None:
            days = [now - timedelta(days=1), now]
            folders = [
                storage.log_date_folder(case.name, environment, day)
                for environment in Environment
                for day in days
            ] + [storage.label_date_folder(case.name, day) for day in days]
        for folder in folders:
            for blob in self._store.list(folder):
                if blob.path.endswith(storage.PARQUET):
                    yield blob.path

    def _add(self, case: UseCase, path: str) -> None:
        try:
            if storage.is_within(path, storage.LABELS):
                rows = read_table(self._store, path).to_pylist()
                labels = [PredictionLabel(use_case=case.name, **row) for row in rows]
                self._index.add_labels(labels, path)
            else:
                rows = [row for batch in self._batches(case, path) for row in batch.to_pylist()]
                records = [_record(case, path, row) for row in rows]
                pairs = zip(rows, records, strict=True)
                texts = [self._text(case, row) if one.answer else "" for row, one in pairs]
                self._index.add_records(path, records, texts)
        except BlobNotFound:
            return  # removed by the retention rule after it was listed

    def _batches(self, case: UseCase, path: str) -> Iterator[pa.RecordBatch]:
        columns = [field.name for field in COMMON_COLUMNS] + [PREDICTION]
        with open_parquet(self._store, path) as file:
            wanted = [*columns, *log_columns(case).inputs.values()]
            stored = set(file.schema_arrow.names)
            yield from file.iter_batches(BATCH_ROWS, columns=[c for c in wanted if c in stored])

    def _text(self, case: UseCase, row: Mapping[str, Any]) -> str:
        inputs = log_columns(case).inputs
        names = inputs if self._search_text else [n for n in inputs if n == case.id_column]
        values = [row.get(inputs[name]) for name in names]
        return "\n".join(value for value in values if isinstance(value, str))


def _record(case: UseCase, path: str, row: Mapping[str, Any]) -> IndexedRecord:
    role = row.get(ROLE) or ServingRole.STABLE.value
    named = log_columns(case).inputs[case.id_column] if case.id_column else ""
    return IndexedRecord(
        row[PREDICTION_ID],
        case.name,
        row["environment"],
        row[TIME].astimezone(UTC).isoformat(timespec="microseconds"),
        row[RELEASE_ID],
        role,
        row[PURPOSE],
        is_answer(role, row[PURPOSE], row.get(FAILED)),
        str(row[PREDICTION]),
        row.get(named),
        path,
    )
