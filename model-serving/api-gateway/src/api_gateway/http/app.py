"""The FastAPI application over a gateway's parts."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.auth.admission import Admission
from api_gateway.batch.routes import batch_routes
from api_gateway.errors import MethodNotAllowed, PathNotFound
from api_gateway.gateway import Gateway
from api_gateway.http.checks import authenticate
from api_gateway.http.docs import docs_routes, install_openapi
from api_gateway.http.edge import Edge
from api_gateway.http.lane import Lane
from api_gateway.http.methods import Methods
from api_gateway.http.problems import problem
from api_gateway.operations.model_routes import model_routes
from api_gateway.operations.probe_routes import operation_routes
from api_gateway.predict.routes import predict_routes
from platform_core.errors import PlatformError
from use_cases import use_case_names

ROUTES = (batch_routes, model_routes, operation_routes)


class GatewayApp(FastAPI):
    """FastAPI behind the edge; `outermost` is what a request meets first."""

    outermost: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        scope["app"] = self
        await self.outermost(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Return FastAPI's layers without the outermost: the edge answers what nobody foresaw."""
        outermost = super().build_middleware_stack()
        return outermost.app if isinstance(outermost, ServerErrorMiddleware) else outermost

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection by FastAPI's own routing."""
        await super().__call__(scope, receive, send)


def create_app(gateway: Gateway) -> GatewayApp:
    """Return the application; its lifespan starts and stops `gateway`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with gateway.running():
            yield

    app = GatewayApp(
        title="API gateway",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    traffic = predict_routes(gateway)
    routers = [traffic, *(routes(gateway) for routes in ROUTES), docs_routes()]
    methods = Methods(routers)
    app.router.routes.extend(methods.refusals())
    for router in routers:
        app.include_router(router)
    app.state.body_timeout_seconds = gateway.settings.body_timeout_seconds
    install_openapi(app)
    _handle_errors(app, gateway, methods)
    lane = Lane(app.routed, _endpoints(traffic), use_case_names(), _answer_error)
    admitted = Admission(lane, gateway.keys, gateway.settings.max_in_flight)
    app.outermost = Edge(admitted, gateway.metrics)
    return app


def _endpoints(router: APIRouter) -> Iterable[APIRoute]:
    return (route for route in router.routes if isinstance(route, APIRoute))


def _handle_errors(app: FastAPI, gateway: Gateway, methods: Methods) -> None:
    @app.exception_handler(PlatformError)
    async def platform_error(request: Request, error: PlatformError) -> Response:
        return _answer_error(request, error)

    @app.exception_handler(HTTPException)
    async def routing_error(request: Request, error: HTTPException) -> Response:
        return _answer_error(request, _refusal(request, error, gateway, methods))


def _answer_error(request: Request, error: PlatformError) -> Response:
    return problem(error, request.url.path, request.state.request_id)


def _refusal(
    request: Request, error: HTTPException, gateway: Gateway, methods: Methods
) -> PlatformError:
    """Return what the router refused as one of our errors; without a key, that comes first."""
    try:
        authenticate(request, gateway.keys)
    except PlatformError as refused:
        return refused
    path = request.url.path
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(methods.allowed(request.scope["path"]))
        return MethodNotAllowed(
            f"{path:.200} does not take {request.method:.20}; it takes {allowed}",
            {"Allow": allowed},
        )
    return PathNotFound(f"there is no {path:.200}; /docs lists what there is")
