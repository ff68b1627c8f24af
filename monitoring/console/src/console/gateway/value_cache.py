"""A value as it was known last, and since when it is unknown."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MAX_VALUES = 2000


@dataclass(frozen=True)
class CachedValue(Generic[T]):
    """A value that was read at `at`; both are `None` if it has never been read.

    `problem` says why it could not be read now, and `since` when that began: the value is then an
    old one.
    """

    value: T | None
    at: datetime | None
    problem: str = ""
    since: datetime | None = None

    @property
    def current(self) -> bool:
        """Whether the value was read just now."""
        return self.at is not None and not self.problem


class ValueCache:
    """Last known values by owner and name, in memory only."""

    def __init__(self, limit: int = MAX_VALUES) -> None:
        self._limit = limit
        self._values: OrderedDict[tuple[str, str], CachedValue[Any]] = OrderedDict()

    def get(self, owner: str, name: str) -> CachedValue[Any] | None:
        """Return the last value of `name` that `owner` read."""
        return self._values.get((owner, name))

    def keep(self, owner: str, name: str, known: CachedValue[Any]) -> None:
        """Keep a value; the one that has not been read for longest is dropped when it is full."""
        self._values[owner, name] = known
        self._values.move_to_end((owner, name))
        while len(self._values) > self._limit:
            self._values.popitem(last=False)

    def forget(self, owner: str) -> None:
        """Drop everything that `owner` has read."""
        for key in [key for key in self._values if key[0] == owner]:
            del self._values[key]
