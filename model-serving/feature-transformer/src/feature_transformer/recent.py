"""What was read of entities lately, so that most records need not wait for the online store."""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from cachetools import TTLCache

MAX_ENTITIES = 100_000
"""A few hundred bytes each; beyond this the ones not asked for longest are forgotten."""

Values = tuple[float | None, ...]


class RecentEntities:
    """Feature values by entity key, none older than `max_age` seconds.

    A feature view of a release never changes its meaning, and its values change only when they are
    materialised again: the age bounds how late that is noticed. With `max_age` 0 nothing is kept.
    """

    def __init__(self, max_age: float, now: Callable[[], float] = time.monotonic) -> None:
        """Begin empty; `now` tells seconds that never go back."""
        self._values: TTLCache[str, Values] = TTLCache(MAX_ENTITIES, max_age, now)
        self._keeps = max_age > 0
        self._lock = Lock()

    def find(self, keys: Iterable[str]) -> dict[str, Values]:
        """Return what is known of `keys`."""
        if not self._keeps:
            return {}
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}

    def keep(self, values: Mapping[str, Values]) -> None:
        """Remember what was read just now; that nothing is known of a key is worth knowing, too."""
        if self._keeps:
            with self._lock:
                self._values.update(values)
