"""Rate limit and quota per API key, counted per gateway process since its start."""

import math
import time
from collections.abc import Callable

from limits import RateLimitItem, parse

from api_gateway.auth.keys import Caller
from api_gateway.errors import RateLimited
from platform_core.errors import ConfigurationError


class RateLimit:
    """A limit and a quota for every key, e.g. `6000/minute` and `1000000/day`, in fixed windows.

    A key may have its own. Windows are measured by a monotonic clock: with the wall clock,
    setting it back an hour would refuse a key for an hour.
    """

    def __init__(
        self, limit: str, quota: str | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Parse the limits for keys without their own; `now` returns seconds.

        Raises:
            ConfigurationError: a limit does not have that form.
        """
        self._limit = _parse("RATE_LIMIT", limit)
        self._quota = _parse("QUOTA", quota) if quota else None
        self._now = now
        self._windows: dict[tuple[str, RateLimitItem], tuple[float, int]] = {}

    async def admit(self, caller: Caller) -> None:
        """Count one request of `caller`; `RateLimited` when the limit is reached."""
        limits = (caller.rate_limit or self._limit, caller.quota or self._quota)
        now = self._now()
        used = {}
        for limit in limits:
            if limit is not None:
                used[caller.name, limit] = self._window(caller, limit, now)
        for window, (end, count) in used.items():
            self._windows[window] = (end, count + 1)

    def _window(self, caller: Caller, limit: RateLimitItem, now: float) -> tuple[float, int]:
        end, count = self._windows.get((caller.name, limit), (now, 0))
        if now >= end:
            return now + limit.get_expiry(), 0
        if count >= limit.amount:
            wait = max(1, math.ceil(end - now))
            raise RateLimited(
                f"the API key {caller.name} has reached its limit of {limit}; retry in {wait} s",
                wait,
            )
        return end, count


def _parse(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{name}={text!r} is not a limit; use for example 6000/minute"
        ) from error
