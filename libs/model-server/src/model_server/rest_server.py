"""V2 over REST: KServe's endpoints with the platform's statuses, and a direct path for `infer`."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import fastapi
import orjson
from fastapi.exceptions import RequestValidationError
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER
from kserve.protocol.rest.server import RESTServer, metrics_handler
from kserve.protocol.rest.v2_endpoints import register_v2_endpoints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from model_server.rest_codec import JSON, decode_request, encode_response
from model_server.service_time import ServiceTime
from model_server.status import STATUSES, message_of, status_of
from platform_core.errors import ConfigurationError, InvalidInput, Unavailable
from platform_core.joined_writes import JoinedWrites
from platform_core.open_inference.connections import SERVICE_TIME

logger = logging.getLogger(__name__)

_JSON_LENGTH, _SERVICE_TIME = INFERENCE_CONTENT_LENGTH_HEADER.encode(), SERVICE_TIME.encode()
MODELS, INFER = "/v2/models/", "/infer"


class JoinedWritesProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with one system call per response."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Join the writes to `transport`."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]


class RestServer(RESTServer):
    """KServe's REST server without request logs, bound to one address."""

    def bind(self, host: str) -> None:
        """Take the port on `host` only (KServe's own listens everywhere).

        Raises:
            ConfigurationError: the address is taken or not this machine's.
        """
        address = (host, self.config.port)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server(address, family=family)
        except OSError as error:
            raise ConfigurationError(f"REST cannot listen on {address}: {error}") from error

    def close(self) -> None:
        """Close the socket without serving."""
        self._socket.close()

    def finish(self) -> None:
        """Stop accepting connections and end when the requests in flight are answered."""
        self._server.should_exit = True

    async def start(self) -> None:
        """Serve on the bound address until a signal or `finish`; requests in flight finish."""
        self.create_application()
        self.config.http = JoinedWritesProtocol
        self.config.proxy_headers = False  # the client's address is not used
        await self._server.serve(sockets=[self._socket])

    def _register_endpoints(self, app: fastapi.FastAPI) -> None:
        # KServe asks for a response class that FastAPI warns about.
        app.router.default_response_class = JSONResponse
        app.router.add_route("/metrics", metrics_handler, methods=["GET"])
        register_v2_endpoints(app, self.dataplane, self.model_repository_extension)

    def _add_middlewares(self, app: fastapi.FastAPI) -> None:
        """Put the direct path for `infer` around FastAPI; KServe's own only log timings.

        FastAPI's layers around its middleware take 5 % of this program's CPU for a lone request.
        """
        self.config.app = InferMiddleware(app, self._infer)

    def _add_exception_handlers(self, app: fastapi.FastAPI) -> None:
        for kind in (*STATUSES, Exception):
            app.add_exception_handler(kind, error_response)
        app.add_exception_handler(RequestValidationError, _invalid_request)

    async def _infer(self, request: Request, name: str) -> Response:
        service_time = ServiceTime()
        headers = dict(request.scope["headers"])
        body, json_length = await request.body(), headers.get(_JSON_LENGTH)
        infer_request = decode_request(body, json_length, name)
        response, _ = await self.dataplane.infer(name, infer_request)
        encoded = encode_response(response)
        microseconds = str(service_time.microseconds())
        encoded.raw_headers.append((_SERVICE_TIME, microseconds.encode()))
        return encoded


class InferMiddleware:
    """Handles `infer` before routing and FastAPI's validation, which cost more than the model."""

    def __init__(self, app: ASGIApp, infer: Callable[[Request, str], Awaitable[Response]]) -> None:
        self._app = app
        self._infer = infer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        name = _requested_model(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._infer(request, name)
        except Exception as error:  # every error has a status
            response = await error_response(request, error)
        await response(scope, receive, send)


def _requested_model(scope: Scope) -> str | None:
    """Return the model of `POST /v2/models/<model>/infer`, `None` for any other request."""
    path = scope["path"]
    if scope["method"] != "POST" or not (path.startswith(MODELS) and path.endswith(INFER)):
        return None
    name = path[len(MODELS) : -len(INFER)]
    return name if name and "/" not in name else None


async def error_response(_: Request, error: Exception) -> Response:
    """Return the status of `error` with the body `{"error": message}`."""
    status = status_of(error).http
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("answered %d: %s", status, error)
    retry_after = getattr(error, "retry_after", None) if isinstance(error, Unavailable) else None
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    body = orjson.dumps({"error": message_of(error)})
    return Response(body, status, headers=headers, media_type=JSON)


async def _invalid_request(request: Request, error: Exception) -> Response:
    return await error_response(request, InvalidInput(f"the request is invalid: {error}"))
