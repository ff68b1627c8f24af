"""The history of entity features: joined to training rows, and handed to the online store."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

ROW_ID = "row_id"
EVENT_TIMESTAMP = "event_timestamp"


class FeatureStore(Protocol):
    """Feature views by versioned name; each is one entity's features over time.

    Views do not change: a new dataset version has views of its own. All times are UTC and
    come from the data. Methods raise `UpstreamUnavailable` when the registry or the online
    store cannot be reached, and `NotFound` for a view that is not registered.
    """

    def apply_view(self, view: str, entity: str, features: Sequence[str], history: Path) -> None:
        """Register `view` and leave the others alone; doing it again is fine.

        `history` is a Parquet file with the columns `entity` (string), `event_timestamp`
        (timestamp, UTC) and one float column per feature: the values that hold from then on.

        Raises:
            InvalidData: `history` is not there or lacks a column.
        """
        ...

    def historical(
        self, view: str, entity: str, features: Sequence[str], keys: pa.Table
    ) -> pa.Table:
        """Return `row_id` and the features (float32) as they were at each row's time.

        `keys` has the columns `row_id`, `entity` and `event_timestamp`. There is one row per
        row of `keys`, in order. Null key, null time, unknown key or nothing known by then:
        null in every feature. A value stamped exactly at the row's time counts as known.
        """
        ...

    def materialise(self, view: str, end: datetime) -> None:
        """Copy the latest values up to and including `end` to the online store."""
        ...

    def views(self) -> list[str]:
        """Return the names of all registered views, sorted."""
        ...

    def drop_view(self, view: str) -> None:
        """Remove a view and its online values; one that is not there is fine."""
        ...
