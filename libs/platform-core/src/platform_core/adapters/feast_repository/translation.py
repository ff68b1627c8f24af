"""What goes wrong in Feast and its stores, in the platform's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from feast.errors import FeastObjectNotFoundException

from platform_core.errors import NotFound, UpstreamUnavailable


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise the platform's errors instead of Feast's, Redis's and SQLite's."""
    try:
        yield
    except FeastObjectNotFoundException as error:
        raise NotFound(f"Feast does not know {what}: {error}") from error
    except (*_redis_errors(), sqlite3.Error) as error:
        raise UpstreamUnavailable(
            f"the online store cannot be reached for {what}: {error}; check REDIS_URL, or "
            "FEAST_ONLINE_PATH without Redis"
        ) from error


def _redis_errors() -> tuple[type[Exception], ...]:
    try:
        from redis.exceptions import RedisError
    except ImportError:  # without the extra `redis` there is SQLite only
        return ()
    return (RedisError,)
