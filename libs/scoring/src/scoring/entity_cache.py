"""A cache of entity features, so that most records need not wait for the online store."""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from cachetools import TTLCache

from use_cases.assemble import EntityValues

MAX_ENTITIES = 100_000
"""A few hundred bytes each; beyond this the least recently used are dropped."""


class EntityCache:
    """Feature values by entity key, none older than `max_age` seconds.

    A feature view of a release never changes its meaning, and its values change only when they are
    materialised again: the age bounds how late that is noticed. With `max_age` 0 nothing is cached.
    """

    def __init__(self, max_age: float, now: Callable[[], float] = time.monotonic) -> None:
        """Start empty; `now` returns monotonic seconds."""
        self._values: TTLCache[str, EntityValues] = TTLCache(MAX_ENTITIES, max_age, now)
        self._enabled = max_age > 0
        self._lock = Lock()

    def get(self, keys: Iterable[str]) -> dict[str, EntityValues]:
        """Return the cached values of `keys`; keys that are not cached are left out."""
        if not self._enabled:
            return {}
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}

    def put(self, values: Mapping[str, EntityValues]) -> None:
        """Cache what was just read, including that a key is unknown (all values null)."""
        if self._enabled:
            with self._lock:
                self._values.update(values)
