"""Which methods a path takes, over all routes that fit it."""

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Methods:
    """The methods of the routes of some routers; a fixed path hides `{parameters}`."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        routes = (route for router in routers for route in router.routes)
        self._routes = [route for route in routes if isinstance(route, Route)]

    def allowed(self, path: str) -> list[str]:
        """Return the methods of every route that fits `path`, sorted."""
        routes = self._fitting(path)
        fixed = [route for route in routes if not route.param_convertors]
        return _methods(fixed or routes)

    def refusals(self) -> list[Route]:
        """Return routes to look at before the others: they refuse what a fixed path does not take.

        Starlette takes the first route that fits path and method. Without these,
        `GET /batch/submit` would be a look at the job named `submit`.
        """
        fixed = {route.path for route in self._routes if not route.param_convertors}
        hidden = {path: set(_methods(self._fitting(path))) for path in sorted(fixed)}
        return [
            Route(path, _refuse, methods=sorted(methods), include_in_schema=False)
            for path in hidden
            if (methods := hidden[path] - set(self.allowed(path)))
        ]

    def _fitting(self, path: str) -> list[Route]:
        return [route for route in self._routes if route.path_regex.match(path)]


def _methods(routes: Iterable[Route]) -> list[str]:
    return sorted({method for route in routes for method in route.methods or ()})


async def _refuse(request: Request) -> Response:
    del request
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
