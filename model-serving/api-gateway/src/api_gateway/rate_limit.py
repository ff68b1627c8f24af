"""How many requests a key may make; counted per gateway process."""

import math
import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from api_gateway.errors import RateLimited
from api_gateway.keys import Caller
from platform_core.errors import ConfigurationError


class RateLimit:
    """One limit for every key, e.g. `6000/minute`, in fixed windows."""

    def __init__(self, limit: str) -> None:
        """Understand `limit`; `ConfigurationError` when it is not of that form."""
        try:
            self._limit: RateLimitItem = parse(limit)
        except ValueError as error:
            raise ConfigurationError(
                f"RATE_LIMIT={limit!r} is not a limit; write for example 6000/minute"
            ) from error
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def admit(self, caller: Caller) -> None:
        """Count one request of `caller`; `RateLimited` when there are none left."""
        if await self._limiter.hit(self._limit, caller.name):
            return
        window = await self._limiter.get_window_stats(self._limit, caller.name)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise RateLimited(
            f"the key {caller.name} has made its {self._limit}; try again in {wait} s", wait
        )
