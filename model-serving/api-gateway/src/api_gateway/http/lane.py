"""A short way to the endpoints that carry the traffic.

FastAPI resolves dependencies, opens exit stacks and looks through its routers for every request:
more work than ours on top of it. An endpoint that takes nothing but the request needs none of
that, so it is called directly; its declaration, its documentation and whatever does not fit a
path exactly stay FastAPI's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from platform_core.errors import PlatformError

Refuse = Callable[[Request, PlatformError], Response]
POST = "POST"


@dataclass(frozen=True, slots=True)
class _Stop:
    """One path that leads to an endpoint."""

    route: APIRoute
    parameters: dict[str, str]


class Lane:
    """An ASGI application: calls what is declared for exactly this path, or else `app`."""

    def __init__(
        self, app: ASGIApp, routes: Iterable[APIRoute], use_cases: Iterable[str], refuse: Refuse
    ) -> None:
        """Take the POST endpoints of `routes`, each for every one of `use_cases` it is for."""
        self._app = app
        self._refuse = refuse
        self._stops = dict(_stops(list(routes), tuple(use_cases)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        stop = self._stops.get(scope["path"]) if scope.get("method") == POST else None
        if stop is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = stop.route
        scope["path_params"] = stop.parameters
        request = Request(scope, receive)
        try:
            response = await stop.route.endpoint(request)
        except PlatformError as error:
            response = self._refuse(request, error)
        await response(scope, receive, send)


def _stops(routes: list[APIRoute], use_cases: tuple[str, ...]) -> Iterable[tuple[str, _Stop]]:
    for route in routes:
        if route.methods != {POST}:
            continue
        for values in _parameters(route, use_cases):
            yield route.path.format(**values), _Stop(route, values)


def _parameters(route: APIRoute, use_cases: tuple[str, ...]) -> list[dict[str, Any]]:
    if not route.param_convertors:
        return [{}]
    if set(route.param_convertors) == {"use_case"}:
        return [{"use_case": name} for name in use_cases]
    return []
