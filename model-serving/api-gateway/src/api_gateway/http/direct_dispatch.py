"""Direct dispatch of the routes with a body, which carry the traffic.

FastAPI declares and documents these routes like all others. It does not call them, for two
reasons. First, the contract's order of checks: FastAPI reads and parses the body before it
resolves the dependencies that authenticate the caller, so a body that is not JSON would be
refused before a request without a key. Second, cost. `make bench ARGS=dispatch` gives the CPU
time per request for one endpoint that reads three headers and a body of 1.2 kB:

    FastAPI with dependencies         214 µs
    DirectRoute, called by FastAPI     60 µs
    DirectRouteMiddleware              13 µs

On the same machine a lone request costs the gateway about 500 µs.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

POST = "POST"


class DirectRoute(APIRoute):
    """A POST route whose endpoint takes the request alone and reads everything from it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the endpoint itself: nothing is parsed or validated on its behalf."""
        endpoint: Callable[[Request], Awaitable[Response]] = self.endpoint
        return endpoint


@dataclass(frozen=True, slots=True)
class _Target:
    route: DirectRoute
    path_params: dict[str, str]


class DirectRouteMiddleware:
    """ASGI middleware that calls the `DirectRoute` declared for exactly this path.

    A path that matches none of them, e.g. that of a use case which is not installed, goes the
    ordinary way and reaches the same endpoint.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], use_cases: Sequence[str]) -> None:
        """Index the `DirectRoute`s of `routes` by path, with each of `use_cases` filled in."""
        self._app = app
        self._targets = dict(_targets(routes, use_cases))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        target = self._targets.get(scope["path"]) if scope.get("method") == POST else None
        if target is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = target.route
        scope["path_params"] = target.path_params
        response = await target.route.endpoint(Request(scope, receive))
        await response(scope, receive, send)


def _targets(
    routes: Sequence[BaseRoute], use_cases: Sequence[str]
) -> Iterator[tuple[str, _Target]]:
    for route in routes:
        if not isinstance(route, DirectRoute) or route.methods != {POST}:
            continue
        if not route.param_convertors:
            yield route.path_format, _Target(route, {})
        elif set(route.param_convertors) == {"use_case"}:
            for name in use_cases:
                yield route.path_format.format(use_case=name), _Target(route, {"use_case": name})
