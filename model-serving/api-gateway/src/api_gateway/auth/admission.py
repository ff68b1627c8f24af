"""How many requests are worked on at once; what is beyond that is told to come again.

A gateway that takes on more than it can do answers everybody late. So the number of requests in
flight is bounded, and the slots are shared: while several keys ask, none holds more than its part,
and one that asks alone leaves a few for whoever comes next. A refusal costs next to nothing, since
it is made before routing, parsing and validation.
"""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.auth.keys import ApiKeys
from api_gateway.errors import Overloaded
from api_gateway.http.checks import API_KEY, CALLER
from api_gateway.http.problems import problem

RESERVE = 8
"""One slot of this many is kept for a second key."""
# Probes and Prometheus are answered at any load: that is when they are needed.
ALWAYS = ("/health", "/metrics")
_KEY_HEADER = API_KEY.lower().encode()


class Slots:
    """Slots for requests in flight, by the name of the key that holds them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()
        self._taken = 0

    def take(self, name: str) -> bool:
        """Take a slot for the key `name`; `False` when it may have no more now."""
        if self._taken >= self._limit or self._held[name] >= self._share(name):
            return False
        self._held[name] += 1
        self._taken += 1
        return True

    def give_back(self, name: str) -> None:
        """Return a slot that was taken."""
        self._taken -= 1
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]

    def _share(self, name: str) -> int:
        others = len(self._held) - (name in self._held)
        if not others:
            return self._limit - self._limit // RESERVE
        return max(1, self._limit // (others + 1))


class Admission:
    """ASGI middleware: a request of a known key holds a slot until it is answered.

    Whoever has no key holds none: the refusal (401) comes at once.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, max_in_flight: int) -> None:
        self._app = app
        self._keys = keys
        self._slots = Slots(max_in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        name = self._caller(scope)
        if name is None:
            await self._app(scope, receive, send)
            return
        if not self._slots.take(name):
            await _refusal(scope)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._slots.give_back(name)

    def _caller(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or scope["path"].startswith(ALWAYS):
            return None
        for header, value in scope["headers"]:
            if header == _KEY_HEADER:
                caller = self._keys.find(value.decode("latin-1"))
                scope["state"][CALLER] = caller
                return caller.name if caller else None
        return None


def _refusal(scope: Scope) -> ASGIApp:
    error = Overloaded("as many requests are being answered as can be; try again in a moment")
    return problem(error, scope["path"], scope["state"]["request_id"])
