"""V2 over REST: KServe's endpoints, our statuses, and a short way for `infer`."""

import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import fastapi
import orjson
from fastapi.exceptions import RequestValidationError
from kserve import InferRequest, InferResponse
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER
from kserve.protocol.rest.server import RESTServer, metrics_handler
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from kserve.protocol.rest.v2_endpoints import register_v2_endpoints
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from model_server.status import STATUSES, message_of, status_of
from platform_core.errors import ConfigurationError, InvalidInput, Unavailable

logger = logging.getLogger(__name__)

MODELS, INFER = "/v2/models/", "/infer"
JSON = "application/json"
BINARY = "application/octet-stream"


class RestServer(RESTServer):
    """KServe's REST server without per-request logs, bound to one address."""

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
        """Give the port back without ever serving."""
        self._socket.close()

    async def start(self) -> None:
        """Serve on the bound address until a signal; requests in flight finish."""
        self.create_application()
        self.config.proxy_headers = False  # nothing here asks who the client is
        await self._server.serve(sockets=[self._socket])

    def _register_endpoints(self, app: fastapi.FastAPI) -> None:
        # KServe asks for a response class that FastAPI warns about.
        app.router.default_response_class = JSONResponse
        app.router.add_route("/metrics", metrics_handler, methods=["GET"])
        register_v2_endpoints(app, self.dataplane, self.model_repository_extension)

    def _add_middlewares(self, app: fastapi.FastAPI) -> None:
        """Add the short way for `infer`; KServe's only print timings, as Prometheus has them."""
        app.add_middleware(InferFirst, infer=self._infer)

    def _add_exception_handlers(self, app: fastapi.FastAPI) -> None:
        for kind in (*STATUSES, Exception):
            app.add_exception_handler(kind, error_response)
        app.add_exception_handler(RequestValidationError, _invalid_request)

    async def _infer(self, request: Request, name: str) -> Response:
        headers = dict(request.headers)
        infer_request = decode(await request.body(), headers, name)
        response, _ = await self.dataplane.infer(name, infer_request, headers)
        return encode(response)


class InferFirst:
    """Takes `infer` past routing, validation and encoding, which cost more than the model does."""

    def __init__(self, app: ASGIApp, infer: Callable[[Request, str], Awaitable[Response]]) -> None:
        self._app = app
        self._infer = infer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        name = _asked_model(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._infer(request, name)
        except Exception as error:  # whatever it is, it has a status
            response = await error_response(request, error)
        await response(scope, receive, send)


def _asked_model(scope: Scope) -> str | None:
    """Return the model of `POST /v2/models/<model>/infer`, `None` for any other request."""
    path = scope["path"]
    if scope["method"] != "POST" or not (path.startswith(MODELS) and path.endswith(INFER)):
        return None
    name = path[len(MODELS) : -len(INFER)]
    return name if name and "/" not in name else None


def decode(body: bytes, headers: dict[str, str], model_name: str) -> InferRequest:
    """Return a V2 request from JSON, or from JSON followed by binary tensors.

    Raises:
        InvalidInput: the body is not a V2 request.
    """
    size = headers.get(INFERENCE_CONTENT_LENGTH_HEADER)
    try:
        if size is not None:
            return InferRequest.from_bytes(body, int(size), model_name)
        parsed = InferenceRequest.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput(f"the body is not a V2 inference request: {_reasons(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"the body is not a V2 inference request: {error!r}") from error
    return InferRequest.from_inference_request(parsed, model_name)


def encode(response: InferResponse) -> Response:
    """Return a V2 response as JSON, or with binary tensors when they were asked for."""
    if response._use_binary_outputs or response._requested_outputs:
        body, json_size = response.to_rest()
        if json_size is not None:
            headers = {INFERENCE_CONTENT_LENGTH_HEADER: str(json_size)}
            return Response(body, headers=headers, media_type=BINARY)
        return Response(orjson.dumps(body), media_type=JSON)
    body = {
        "id": response.id,
        "model_name": response.model_name,
        "model_version": response.model_version,
        "parameters": response.parameters,
        "outputs": [
            {"name": o.name, "shape": o.shape, "datatype": o.datatype, "data": o.data}
            for o in response.outputs
        ],
    }
    return Response(orjson.dumps(body), media_type=JSON)


async def error_response(_: Request, error: Exception) -> Response:
    """Answer an error with its status and `{"error": message}`."""
    status = status_of(error).http
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("answered %d: %s", status, error)
    retry_after = getattr(error, "retry_after", None) if isinstance(error, Unavailable) else None
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    body = orjson.dumps({"error": message_of(error)})
    return Response(body, status, headers=headers, media_type=JSON)


async def _invalid_request(request: Request, error: Exception) -> Response:
    return await error_response(request, InvalidInput(f"the request is invalid: {error}"))


def _reasons(error: ValidationError) -> str:
    reasons = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3]]
    return "; ".join(reasons)
