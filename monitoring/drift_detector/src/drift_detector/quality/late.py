"""Notices labels and records that arrived after a window was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drift_detector.detection import Target
from drift_detector.window import Window
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.errors import BlobNotFound
from platform_core.hashing import sha256_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import label_date_folder, log_date_folder, quality_measured_path
from records import current_labels, read_labels
from records.columns import PREDICTION_ID
from records.labels.join import RECEIVED_AT

DAY = timedelta(days=1)
SLACK = timedelta(minutes=1)
"""A record's time may differ that much from the time in its prediction_id."""


def label_states(
    store: BlobStore, target: Target, windows: Sequence[Window]
) -> Mapping[Window, str]:
    """Return for each window a text that changes when a label of one of its predictions does.

    Raises:
        InvalidData: an object of the labels cannot be read.
    """
    if not windows:
        return {}
    start, end = min(w.start for w in windows) - SLACK, max(w.end for w in windows) + SLACK
    labels = current_labels(read_labels(store, target.use_case, start, end))
    known = [
        (prediction_time(row[PREDICTION_ID]), row[RECEIVED_AT])
        for row in labels.select([PREDICTION_ID, RECEIVED_AT]).to_pylist()
    ]
    return {window: _state(window, known) for window in windows}


def _state(window: Window, known: Iterable[tuple[datetime, datetime]]) -> str:
    received = [at for time, at in known if window.start - SLACK <= time < window.end + SLACK]
    return f"{len(received)} until {max(received).isoformat()}" if received else ""


@dataclass(frozen=True)
class DayMark:
    """What the labels and the log of a day, and of the day before, were when it was revised, and
    whether further labels were expected.
    """

    store: BlobStore
    target: Target
    day: datetime
    now: datetime

    def is_current(self) -> bool:
        """Say whether nothing has changed since `set`."""
        try:
            return self.store.read(self._path) == self._found().encode()
        except BlobNotFound:
            return False

    def set(self) -> None:
        """Remember what is there now."""
        self.store.write(self._path, self._found().encode())

    @property
    def _path(self) -> str:
        return quality_measured_path(self.target.use_case.name, self.target.environment, self.day)

    def _found(self) -> str:
        name, environment = self.target.use_case.name, self.target.environment
        folders = [
            folder
            for day in (self.day - DAY, self.day)
            for folder in (label_date_folder(name, day), log_date_folder(name, environment, day))
        ]
        blobs = [(blob.path, blob.etag) for folder in folders for blob in self.store.list(folder)]
        over = self.day + DAY + self.target.use_case.label_maturity <= self.now
        return sha256_json([over, *blobs])
