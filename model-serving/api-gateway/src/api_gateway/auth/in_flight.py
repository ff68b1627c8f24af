"""Limits the requests in flight, and shares them fairly between API keys.

A gateway that accepts more than it can process answers every caller late. A refusal (503) is
cheap: it is made before routing, parsing and validation.
"""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.errors import Overloaded
from api_gateway.http.context import scope_context

RESERVED_SHARE = 8
"""One slot of this many is kept free for a second key."""
# Probes and Prometheus are answered at any load: that is when they are needed.
EXEMPT_PATHS = ("/health", "/metrics")


class InFlightSlots:
    """Counts requests in flight by the name of their API key.

    While several keys have requests in flight, none holds more than its equal share. A single
    key leaves an eighth of the slots for the next one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()
        self._taken = 0

    def acquire(self, name: str) -> bool:
        """Take a slot for the key `name`; return `False` if it may have no more now."""
        if self._taken >= self._limit or self._held[name] >= self._share(name):
            return False
        self._held[name] += 1
        self._taken += 1
        return True

    def release(self, name: str) -> None:
        """Return a slot that was acquired."""
        self._taken -= 1
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]

    def _share(self, name: str) -> int:
        others = len(self._held) - (name in self._held)
        if not others:
            return self._limit - self._limit // RESERVED_SHARE
        return max(1, self._limit // (others + 1))


class InFlightMiddleware:
    """ASGI middleware: a request with a known key holds a slot until its response is sent.

    A request without a known key needs no slot: it is refused (401) at once.
    """

    def __init__(self, app: ASGIApp, max_in_flight: int) -> None:
        self._app = app
        self._slots = InFlightSlots(max_in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection.

        Raises:
            Overloaded: no slot is free for the key.
        """
        if scope["type"] != "http" or scope["path"].startswith(EXEMPT_PATHS):
            await self._app(scope, receive, send)
            return
        caller = scope_context(scope).caller
        if caller is None:
            await self._app(scope, receive, send)
            return
        if not self._slots.acquire(caller.name):
            raise Overloaded("the gateway is at capacity; retry shortly")
        try:
            await self._app(scope, receive, send)
        finally:
            self._slots.release(caller.name)
