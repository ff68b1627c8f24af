"""Entity features of a batch of records, read from the online store."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from feature_transformer.recent import RecentEntities, Values
from platform_core.clock import Clock
from platform_core.contracts.release import FeatureViewRef
from platform_core.errors import NotFound, PlatformError, UpstreamUnavailable
from platform_core.ports.online_store import OnlineStore

# How long a store that failed is left alone: a request must not wait for a timeout each time.
PAUSE = timedelta(seconds=1)
LOG_INTERVAL = timedelta(seconds=30)

logger = logging.getLogger(__name__)


class EntityLookup:
    """Reads the feature views of one release.

    It remembers what it read for `max_age` seconds, and for a while that a store is down.
    """

    def __init__(
        self,
        views: Sequence[FeatureViewRef],
        store: OnlineStore | None,
        clock: Clock,
        max_age: float = 0.0,
    ) -> None:
        self._views = tuple(views)
        self._names = tuple(name for view in self._views for name in view.features)
        self._store = store
        self._clock = clock
        self._recent = RecentEntities(max_age)
        self._unknown: Values = (None,) * len(self._names)
        self._paused_until: datetime | None = None
        self._logged: datetime | None = None
        self._unlogged = 0

    @property
    def needed(self) -> bool:
        """Say whether the release reads anything from the store."""
        return bool(self._views)

    def waits(self, keys: pa.Array) -> bool:
        """Say whether `read(keys)` would ask the store, and so may wait for it."""
        wanted = _distinct(keys)
        return len(self._recent.find(wanted)) < len(wanted) and not self._paused()

    def read(self, keys: pa.Array) -> pa.RecordBatch | None:
        """Return one row per key (string, null for none) and a column per feature (float64).

        Unknown and null keys have null in every column. `None` says that the store could not
        answer, now or less than `PAUSE` ago.
        """
        wanted = _distinct(keys)
        known = self._recent.find(wanted)
        missing = [key for key in wanted if key not in known]
        if missing:
            read = self._ask(missing)
            if read is None:
                return None
            self._recent.keep(read)
            known |= read
        rows = [known.get(key, self._unknown) for key in keys.to_pylist()]
        columns = [pa.array(column, pa.float64()) for column in zip(*rows, strict=True)]
        return pa.record_batch(columns or self._no_rows(), names=list(self._names))

    def _ask(self, keys: list[str]) -> dict[str, Values] | None:
        if self._store is None:
            return self._failed("no online store is configured: set FEAST_REPOSITORY")
        if self._paused():
            return None
        try:
            columns = self._columns(self._store, keys)
        except (UpstreamUnavailable, NotFound) as error:
            return self._failed(error)
        return dict(zip(keys, zip(*columns, strict=True), strict=True))

    def _columns(self, store: OnlineStore, keys: list[str]) -> list[list[float | None]]:
        columns = []
        for view in self._views:
            batch = store.read(view.name, view.entity, keys, view.features)
            columns += [batch.column(name).to_pylist() for name in view.features]
        return columns

    def _no_rows(self) -> list[pa.Array]:
        return [pa.array([], pa.float64()) for _ in self._names]

    def _paused(self) -> bool:
        if self._paused_until is None:
            return False
        # More than `PAUSE` is left when the clock was set back: that is no pause of ours.
        return timedelta(0) < self._paused_until - self._clock.now() <= PAUSE

    def _failed(self, reason: PlatformError | str) -> None:
        now = self._clock.now()
        self._paused_until = now + PAUSE
        self._unlogged += 1
        if self._logged is None or now - self._logged >= LOG_INTERVAL:
            logger.warning(
                "entity features are unknown, answers are degraded (%d failed lookups since the "
                "last such line): %s",
                self._unlogged,
                reason,
            )
            self._logged, self._unlogged = now, 0


def _distinct(keys: pa.Array) -> list[str]:
    """Return each key once, in order of appearance, without null."""
    return [key for key in dict.fromkeys(keys.to_pylist()) if key is not None]
