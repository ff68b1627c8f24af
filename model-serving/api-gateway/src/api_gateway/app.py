"""The FastAPI application over a gateway's parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api_gateway.checks import authenticate
from api_gateway.docs import docs_routes, install_openapi
from api_gateway.edge import Edge
from api_gateway.errors import MethodNotAllowed, PathNotFound
from api_gateway.gateway import Gateway
from api_gateway.methods import Methods
from api_gateway.problems import problem
from api_gateway.routes.batch import batch_routes
from api_gateway.routes.model import model_routes
from api_gateway.routes.operations import operation_routes
from api_gateway.routes.predict import predict_routes
from platform_core.errors import PlatformError

ROUTES = (predict_routes, batch_routes, model_routes, operation_routes)


def create_app(gateway: Gateway) -> FastAPI:
    """Return the application; its lifespan starts and stops `gateway`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with gateway.running():
            yield

    app = FastAPI(
        title="API gateway",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    routers = [*(routes(gateway) for routes in ROUTES), docs_routes()]
    methods = Methods(routers)
    app.router.routes.extend(methods.refusals())
    for router in routers:
        app.include_router(router)
    app.state.body_timeout_seconds = gateway.settings.body_timeout_seconds
    install_openapi(app)
    _handle_errors(app, gateway, methods)
    app.add_middleware(Edge, metrics=gateway.metrics)
    return app


def _handle_errors(app: FastAPI, gateway: Gateway, methods: Methods) -> None:
    @app.exception_handler(PlatformError)
    async def platform_error(request: Request, error: PlatformError) -> Response:
        return problem(error, request.url.path, request.state.request_id)

    @app.exception_handler(HTTPException)
    async def routing_error(request: Request, error: HTTPException) -> Response:
        refusal = _refusal(request, error, gateway, methods)
        return problem(refusal, request.url.path, request.state.request_id)


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
