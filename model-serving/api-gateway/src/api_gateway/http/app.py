"""The FastAPI application over the gateway's components."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.auth.authentication import authenticate
from api_gateway.auth.in_flight import InFlightMiddleware
from api_gateway.batch.routes import add_batch_routes
from api_gateway.errors import MethodNotAllowed, PathNotFound
from api_gateway.explain.routes import add_explain_route
from api_gateway.feedback.routes import add_feedback_routes
from api_gateway.gateway import Gateway
from api_gateway.history.routes import add_history_routes
from api_gateway.history.stored_pages import add_stored_page_routes
from api_gateway.http.context import BodyLimits, context_of
from api_gateway.http.direct_dispatch import DirectRouteMiddleware
from api_gateway.http.middleware import RequestContextMiddleware
from api_gateway.http.openapi import DESCRIPTION, document
from api_gateway.http.swagger_page import add_swagger_page
from api_gateway.http.validation import MAX_BODY_BYTES
from api_gateway.operations.routes import add_operation_routes
from api_gateway.operations.traffic import add_traffic_route
from api_gateway.predict.routes import add_predict_routes
from api_gateway.predictions.routes import add_prediction_routes
from api_gateway.releases.changes import add_change_routes
from api_gateway.releases.comparisons import add_comparison_routes
from api_gateway.releases.routes import add_release_routes
from use_cases import use_case_names


def create_app(gateway: Gateway) -> ASGIApp:
    """Return the application; its lifespan starts and stops `gateway`.

    The middleware wraps FastAPI instead of being added to it: requests that `DirectRouteMiddleware`
    dispatches skip FastAPI's own layers, and every error ends in `RequestContextMiddleware`.
    """
    limits = BodyLimits(MAX_BODY_BYTES, gateway.settings.body_timeout_seconds)
    limited = InFlightMiddleware(UseCaseRoutes(gateway), gateway.settings.max_in_flight)
    return RequestContextMiddleware(limited, gateway.keys, gateway.metrics, limits)


class UseCaseRoutes:
    """ASGI application with the routes, and their documentation, of all installed use cases. It
    makes them again when a package with a use case was installed or removed.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._names = use_case_names()
        self._app = _routes(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if use_case_names() is not self._names:
            self._names = use_case_names()
            self._app = _routes(self._gateway)
        await self._app(scope, receive, send)


def _routes(gateway: Gateway) -> ASGIApp:

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with gateway.running():
            yield

    app = FastAPI(
        title="API gateway",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _raise_routing_error, Exception: _raise},
    )
    add_predict_routes(app, gateway)
    add_explain_route(app, gateway)
    add_batch_routes(app, gateway)
    add_feedback_routes(app, gateway)
    add_prediction_routes(app, gateway)
    add_release_routes(app, gateway)
    add_comparison_routes(app, gateway)
    add_change_routes(app, gateway)
    add_history_routes(app, gateway)
    add_stored_page_routes(app, gateway)
    add_operation_routes(app, gateway)
    add_traffic_route(app, gateway)
    add_swagger_page(app)
    document(app)
    return DirectRouteMiddleware(app, app.routes, use_case_names())


async def _raise(request: Request, error: Exception) -> Response:
    """Keep Starlette from answering; `RequestContextMiddleware` does."""
    del request
    raise error


async def _raise_routing_error(request: Request, error: Exception) -> Response:
    """Raise what the router refused as one of our errors; a request without a key is 401 first."""
    authenticate(context_of(request))
    path = request.url.path
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed_methods(request))
        raise MethodNotAllowed(
            f"{path:.200} does not support {request.method:.20}; use {allowed}", {"Allow": allowed}
        )
    raise PathNotFound(f"there is no path {path:.200}; /docs lists all paths")


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of every route that matches the path, sorted."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    matching = (route for route in routes if route.path_regex.match(request.scope["path"]))
    return sorted({method for route in matching for method in route.methods or ()})
