"""A feature store in memory: a working fake that behaves like the real one."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.adapters.online_store.memory import MemoryOnlineStore
from platform_core.errors import InvalidData, NotFound
from platform_core.ports.feature_store import EVENT_TIMESTAMP, ROW_ID

Row = dict[str, Any]


class MemoryFeatureStore:
    """Histories as lists of rows by time; materialises to `online`."""

    def __init__(self, online: MemoryOnlineStore) -> None:
        self._online = online
        self._histories: dict[str, tuple[str, list[Row]]] = {}

    def apply_view(self, view: str, entity: str, features: Sequence[str], history: Path) -> None:
        """Register `view` over the file `history`; see the port."""
        try:
            table = pq.read_table(history, columns=[entity, EVENT_TIMESTAMP, *features])
        except (OSError, pa.ArrowInvalid) as error:
            raise InvalidData(f"the history {history} cannot be read: {error}") from error
        missing = [name for name in (entity, *features) if name not in table.column_names]
        if missing:
            raise InvalidData(f"the history {history} lacks the columns {', '.join(missing)}")
        timed = (row for row in table.to_pylist() if row[EVENT_TIMESTAMP] is not None)
        rows = sorted(timed, key=lambda row: row[EVENT_TIMESTAMP])
        self._histories[view] = (entity, rows)

    def historical(
        self, view: str, entity: str, features: Sequence[str], keys: pa.Table
    ) -> pa.Table:
        """Return `row_id` and the features as they were at each row's time; see the port."""
        _, history = self._find(view)
        columns = [ROW_ID, entity, EVENT_TIMESTAMP]
        asked = zip(*(keys[name].to_pylist() for name in columns), strict=True)
        rows = [_as_of(history, entity, key, time) for _, key, time in asked]
        found = {n: pa.array([row.get(n) for row in rows], pa.float32()) for n in features}
        return pa.table({ROW_ID: keys[ROW_ID], **found})

    def materialise(self, view: str, end: datetime) -> None:
        """Copy the latest values up to and including `end` to the online store."""
        entity, history = self._find(view)
        known = (row for row in history if row[EVENT_TIMESTAMP] <= end)
        latest = {row[entity]: row for row in known if row[entity] is not None}
        self._online.publish(view, latest)

    def views(self) -> list[str]:
        """Return the names of all registered views, sorted."""
        return sorted(self._histories)

    def drop_view(self, view: str) -> None:
        """Remove a view and its online values; one that is not there is fine."""
        self._histories.pop(view, None)
        self._online.views.pop(view, None)

    def _find(self, view: str) -> tuple[str, list[Row]]:
        if view not in self._histories:
            raise NotFound(f"there is no feature view {view}; apply it first")
        return self._histories[view]


def _as_of(history: list[Row], entity: str, key: str | None, time: datetime | None) -> Row:
    if key is None or time is None:
        return {}
    known = (r for r in reversed(history) if r[entity] == key and r[EVENT_TIMESTAMP] <= time)
    return next(known, {})
