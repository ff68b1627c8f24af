"""The outermost middleware: request id, security headers, metrics, and errors as documents."""

import logging
import re
import secrets
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.auth.keys import ApiKeys
from api_gateway.http.context import BodyLimits, RequestContext, scope_context, set_context
from api_gateway.http.headers import API_KEY, REQUEST_ID, read_headers
from api_gateway.http.problems import internal_problem, problem
from api_gateway.operations.metrics import GatewayMetrics
from platform_core.errors import PlatformError

logger = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499
"""Counted, never sent: the client disconnected before its request was complete."""
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# ASGI header names are lower-case bytes.
_RAW_REQUEST_ID = REQUEST_ID.lower().encode()
_RAW_SECURITY_HEADERS = [
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
]
_REQUEST_ID, _API_KEY = REQUEST_ID.lower(), API_KEY.lower()
REQUEST_ID_BYTES = 16
_VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestContextMiddleware:
    """Creates the `RequestContext` of each request and completes its response.

    Every `PlatformError` that a route or an inner middleware raises becomes a problem document
    here, and any other exception the document of an internal error.
    """

    def __init__(
        self, app: ASGIApp, keys: ApiKeys, metrics: GatewayMetrics, body_limits: BodyLimits
    ) -> None:
        self._app = app
        self._keys = keys
        self._metrics = metrics
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = self._context(scope)
        set_context(scope, context)
        response = _ResponseHeaders(context.request_id, send)
        try:
            await self._app(scope, receive, response.send)
        except PlatformError as error:
            if response.started:  # of a file that could not be read to its end
                raise
            document = problem(error, scope["path"], context.request_id)
            await document(scope, receive, response.send)
        except ClientDisconnect:
            response.status = CLIENT_CLOSED_REQUEST
        except Exception:
            logger.exception("request %s to %s failed", context.request_id, scope["path"])
            if response.started:
                raise
            document = internal_problem(scope["path"], context.request_id)
            await document(scope, receive, response.send)
        finally:
            seconds = time.perf_counter() - context.started
            self._metrics.observe_request(scope, scope_context(scope), response.status, seconds)

    def _context(self, scope: Scope) -> RequestContext:
        started = time.perf_counter()
        headers = read_headers(scope["headers"])
        key = headers.get(_API_KEY)
        caller = self._keys.find(key) if key is not None else None
        request_id = _request_id(headers.get(_REQUEST_ID, ""))
        return RequestContext(request_id, started, headers, caller, self._body_limits)


class _ResponseHeaders:
    """Adds the headers that every response has, and remembers the status."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status = 500
        self.started = False
        self._request_id = request_id
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = [*message.get("headers", ())]
            given = {name for name, _ in headers}
            headers += [header for header in _RAW_SECURITY_HEADERS if header[0] not in given]
            message["headers"] = [*headers, (_RAW_REQUEST_ID, self._request_id.encode())]
        await self._send(message)


def _request_id(given: str) -> str:
    """Return the caller's request id if it is short and harmless, else a new one."""
    return given if _VALID_REQUEST_ID.fullmatch(given) else secrets.token_hex(REQUEST_ID_BYTES)
