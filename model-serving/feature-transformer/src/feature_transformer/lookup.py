"""Entity features of a batch of records, read from the online store."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.clock import Clock
from platform_core.contracts.release import FeatureViewRef
from platform_core.errors import NotFound, PlatformError, UpstreamUnavailable
from platform_core.ports.online_store import OnlineStore

# How long a store that failed is left alone: a request must not wait for a timeout each time.
PAUSE = timedelta(seconds=1)
LOG_INTERVAL = timedelta(seconds=30)

logger = logging.getLogger(__name__)


class EntityLookup:
    """Reads the feature views of one release; remembers for a while that a store is down."""

    def __init__(
        self, views: Sequence[FeatureViewRef], store: OnlineStore | None, clock: Clock
    ) -> None:
        self._views = tuple(views)
        self._store = store
        self._clock = clock
        self._paused_until: datetime | None = None
        self._logged: datetime | None = None
        self._unlogged = 0

    @property
    def needed(self) -> bool:
        """Say whether the release reads anything from the store."""
        return bool(self._views)

    def read(self, keys: pa.Array) -> pa.RecordBatch | None:
        """Return one row per key (string, null for none) and a column per feature (float64).

        Unknown and null keys have null in every column. `None` says that the store could not
        answer, now or less than `PAUSE` ago.
        """
        encoded = pc.dictionary_encode(keys)
        wanted = encoded.dictionary.to_pylist()
        if not wanted:
            return self._unknown(len(keys))
        if self._store is None:
            return self._failed("no online store is configured: set FEAST_REPOSITORY")
        if self._paused():
            return None
        try:
            columns = self._columns(self._store, wanted)
        except (UpstreamUnavailable, NotFound) as error:
            return self._failed(error)
        taken = [pc.take(column, encoded.indices) for column in columns.values()]
        return pa.record_batch(taken, names=list(columns))

    def _columns(self, store: OnlineStore, keys: list[str]) -> Mapping[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for view in self._views:
            batch = store.read(view.name, view.entity, keys, view.features)
            columns |= {name: batch.column(name) for name in view.features}
        return columns

    def _unknown(self, rows: int) -> pa.RecordBatch:
        names = [name for view in self._views for name in view.features]
        return pa.record_batch([pa.nulls(rows, pa.float64()) for _ in names], names=names)

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
