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

    def change(self) -> bytes | None:
        """Return what is there now for `set`; `None` if it is the same as then, or nothing."""
        blobs = self._blobs()
        if not blobs:
            return None
        found = self._text(blobs)
        try:
            return None if self.store.read(self._path) == found else found
        except BlobNotFound:
            return found

    def set(self, found: bytes) -> None:
        """Remember what was there before the windows of the day were measured."""
        self.store.write(self._path, found)

    @property
    def _path(self) -> str:
        return quality_measured_path(self.target.use_case.name, self.target.environment, self.day)

    def _blobs(self) -> list[tuple[str, str]]:
        name, environment = self.target.use_case.name, self.target.environment
        folders = [
            folder
            for day in (self.day - DAY, self.day)
            for folder in (label_date_folder(name, day), log_date_folder(name, environment, day))
        ]
        return [(blob.path, blob.etag) for folder in folders for blob in self.store.list(folder)]

    def _text(self, blobs: list[tuple[str, str]]) -> bytes:
        over = self.day + DAY + self.target.use_case.label_maturity <= self.now
        return sha256_json([over, *blobs]).encode()
