"""Entity features of a batch of records, read from the online store."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from platform_core.clock import Clock
from platform_core.contracts.release import FeatureViewRef
from platform_core.errors import NotFound, PlatformError, UpstreamUnavailable
from platform_core.ports.online_store import OnlineStore
from scoring.entity_cache import EntityCache
from use_cases.assemble import EntityValues

# After a failure the store is not called for this long: a request must not wait for a timeout
# each time.
PAUSE = timedelta(seconds=1)
LOG_INTERVAL = timedelta(seconds=30)

logger = logging.getLogger(__name__)


class EntityLookup:
    """Reads the feature views of one release.

    Values are cached for `max_age` seconds; after a failure the store is left alone for `PAUSE`.
    """

    def __init__(
        self,
        views: Sequence[FeatureViewRef],
        store: OnlineStore | None,
        clock: Clock,
        max_age: float = 0.0,
    ) -> None:
        self._views = tuple(views)
        self._store = store
        self._clock = clock
        self._cache = EntityCache(max_age)
        self._unknown: EntityValues = (None,) * sum(len(view.features) for view in self._views)
        self._paused_until: datetime | None = None
        self._logged_at: datetime | None = None
        self._unlogged_failures = 0

    @property
    def needed(self) -> bool:
        """Whether the release reads anything from the store."""
        return bool(self._views)

    def blocks(self, keys: Sequence[str | None]) -> bool:
        """Return whether `read(keys)` would call the store, and so may block."""
        distinct = _distinct(keys)
        return len(self._cache.get(distinct)) < len(distinct) and not self._paused()

    def read(self, keys: Sequence[str | None]) -> list[EntityValues] | None:
        """Return one row per key (`None` for none) with a value per feature.

        Unknown keys and `None` have `None` for every feature. The result is `None` where the store
        could not answer, now or less than `PAUSE` ago.
        """
        distinct = _distinct(keys)
        values = self._cache.get(distinct)
        missing = [key for key in distinct if key not in values]
        if missing:
            fetched = self._fetch(missing)
            if fetched is None:
                return None
            self._cache.put(fetched)
            values |= fetched
        return [self._unknown if key is None else values[key] for key in keys]

    def _fetch(self, keys: list[str]) -> dict[str, EntityValues] | None:
        if self._store is None:
            self._failed("no online store is configured: set FEAST_REPOSITORY")
            return None
        if self._paused():
            return None
        try:
            columns = self._columns(self._store, keys)
        except (UpstreamUnavailable, NotFound) as error:
            self._failed(error)
            return None
        return dict(zip(keys, zip(*columns, strict=True), strict=True))

    def _columns(self, store: OnlineStore, keys: list[str]) -> list[list[float | None]]:
        columns = []
        for view in self._views:
            batch = store.read(view.name, view.entity, keys, view.features)
            columns += [batch.column(name).to_pylist() for name in view.features]
        return columns

    def _paused(self) -> bool:
        if self._paused_until is None:
            return False
        # More than `PAUSE` is left when the clock was set back: then the pause is over.
        return timedelta(0) < self._paused_until - self._clock.now() <= PAUSE

    def _failed(self, reason: PlatformError | str) -> None:
        now = self._clock.now()
        self._paused_until = now + PAUSE
        self._unlogged_failures += 1
        if self._logged_at is None or now - self._logged_at >= LOG_INTERVAL:
            logger.warning(
                "entity features are unknown, answers are degraded (%d failed lookups since the "
                "last such line): %s",
                self._unlogged_failures,
                reason,
            )
            self._logged_at, self._unlogged_failures = now, 0


def _distinct(keys: Sequence[str | None]) -> list[str]:
    """Return each key once, in order of appearance, without `None`."""
    return [key for key in dict.fromkeys(keys) if key is not None]
