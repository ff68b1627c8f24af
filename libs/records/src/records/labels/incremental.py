"""Records with labels that are read again and again: each object of the store only once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.ports.blob_store import BlobInfo, BlobStore
from records.columns import PREDICTION_ID, TIME, TIME_TYPE
from records.labels.join import (
    current_labels,
    join_labels,
    label_blobs,
    label_schema,
    read_label_object,
)
from records.read import log_blobs, read_log_object
from use_cases import UseCase

RECENT = timedelta(hours=1)
COMPLETE = timedelta(minutes=1)
"""New objects are mostly in the newest folders; the others are listed this often."""

Keep = Callable[[pa.RecordBatch], pa.RecordBatch]


class LabelledRecords:
    """The records since `start` that `keep` leaves, with their labels.

    An object is read again if its content has changed, and forgotten if it was removed: after any
    number of updates the records are those that a new reader would find, except that an object in
    a folder older than an hour is noticed up to a minute later. The records are held in memory.
    """

    def __init__(
        self,
        store: BlobStore,
        case: UseCase,
        environment: str,
        start: datetime,
        columns: Sequence[str],
        keep: Keep,
    ) -> None:
        self._store, self._case, self._environment = store, case, environment
        self._start, self._keep = start, keep
        self._columns = list(dict.fromkeys([PREDICTION_ID, TIME, *columns]))
        self._log, self._labels = _Objects(), _Objects()
        self._complete: datetime | None = None
        self._records: pa.Table | None = None

    def update(self, now: datetime) -> bool:
        """Read what is new in the store; return whether the records or labels have changed.

        Raises:
            InvalidData: an object of the log or of the labels cannot be read.
            Unavailable: the store does not answer.
        """
        complete = self._complete is None or not timedelta() <= now - self._complete < COMPLETE
        first = self._start if complete else max(self._start, now - RECENT)
        name = self._case.name
        logged = log_blobs(self._store, name, self._environment, first, now)
        changed = self._log.update(logged, self._read_records, complete)
        labels = label_blobs(self._store, name, first, now)
        changed |= self._labels.update(labels, self._read_labels, complete)
        if complete:
            self._complete = now
        if changed:
            self._records = None
        return changed

    def before(self, end: datetime) -> pa.Table | None:
        """Return the records with a time before `end`, each with its label that became known last
        (see `join_labels`), in the order of the objects; `None` without any.
        """
        if self._records is None:
            self._records = self._joined()
        if self._records is None:
            return None
        earlier = pc.less(self._records[TIME], pa.scalar(end, TIME_TYPE))
        rows = self._records if pc.all(earlier).as_py() else self._records.filter(earlier)
        return rows if rows.num_rows else None

    def _joined(self) -> pa.Table | None:
        tables = self._log.tables
        if not tables:
            return None
        records = pa.concat_tables(tables, promote_options="default").combine_chunks()
        none = label_schema(self._case).empty_table()
        current = current_labels(pa.concat_tables([none, *self._labels.tables]))
        return pa.Table.from_batches([join_labels(one, current) for one in records.to_batches()])

    def _read_records(self, path: str) -> pa.Table | None:
        forever = datetime.max.replace(tzinfo=self._start.tzinfo)
        window = self._start, forever
        batches = read_log_object(self._store, path, *window, self._columns)
        kept = [pa.Table.from_batches([self._keep(batch)]) for batch in batches]
        return pa.concat_tables(kept, promote_options="default") if kept else None

    def _read_labels(self, path: str) -> pa.Table | None:
        return read_label_object(self._store, path)


@dataclass
class _Objects:
    """The rows of objects by path, each with the version of its content."""

    _read: dict[str, tuple[str, pa.Table | None]] = field(default_factory=dict)

    @property
    def tables(self) -> list[pa.Table]:
        """The rows of the objects that have some, in the order of their paths."""
        read = (self._read[path][1] for path in sorted(self._read))
        return [table for table in read if table is not None]

    def update(
        self,
        blobs: Iterable[BlobInfo],
        read: Callable[[str], pa.Table | None],
        complete: bool,
    ) -> bool:
        """Read the new and changed ones of `blobs`; forget the others if these are `complete`.

        Return whether there are other rows now.
        """
        found, changed = {blob.path: blob.etag for blob in blobs}, False
        for path, version in found.items():
            known, before = self._read.get(path, ("", None))
            if known != version:
                table = read(path)
                table = table if table is not None and table.num_rows else None
                self._read[path] = version, table
                changed |= table is not None or before is not None
        if complete:
            for path in self._read.keys() - found.keys():
                changed |= self._read.pop(path)[1] is not None
        return changed
