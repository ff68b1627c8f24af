"""What goes wrong in Feast and its stores, in the platform's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from feast.errors import FeastObjectNotFoundException

from platform_core.errors import NotFound, UpstreamUnavailable

STORE_ERRORS: tuple[type[Exception], ...] = (sqlite3.Error,)
with suppress(ImportError):  # without the extra `redis`, only SQLite is available
    from redis.exceptions import RedisError

    STORE_ERRORS = (sqlite3.Error, RedisError)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise the platform's errors instead of Feast's, Redis's and SQLite's."""
    try:
        yield
    except FeastObjectNotFoundException as error:
        raise NotFound(f"Feast does not know {what}: {error}") from error
    except STORE_ERRORS as error:
        raise UpstreamUnavailable(
            f"the online store cannot be reached for {what}: {error}; check REDIS_URL, or "
            "FEAST_ONLINE_PATH without Redis"
        ) from error
