"""The outermost layer: every response has a request id and security headers, no error escapes."""

import logging
import re
import time
import uuid

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.http.problems import internal_problem
from api_gateway.operations.metrics import GatewayMetrics

logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
CLIENT_CLOSED_REQUEST = 499
"""Counted, never sent: the caller had gone before its request was complete."""
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_RAW_REQUEST_ID = REQUEST_ID.lower().encode()
# As ASGI has them: names in lower case, all of it bytes.
_RAW_SECURITY_HEADERS = [
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
]
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Edge:
    """Wraps the application; what it knows of a request is in `scope["state"]`."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        try:
            await self._app(scope, receive, request.send)
        except ClientDisconnect:
            request.status = CLIENT_CLOSED_REQUEST
        except Exception:
            logger.exception("request %s to %s failed", request.id, scope["path"])
            if request.responded:
                raise
            response = internal_problem(scope["path"], request.id)
            await response(scope, receive, request.send)
        finally:
            seconds = time.perf_counter() - request.started
            self._metrics.observe_request(scope, request.status, seconds)


class _Request:
    """One request on its way through."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = time.perf_counter()
        self.id = _request_id(scope)
        self.status = 500
        self.responded = False
        self._send = send
        scope["state"] = {**scope.get("state", {}), "request_id": self.id, "started": self.started}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.responded = True
            self.status = message["status"]
            headers = [*message.get("headers", ())]
            given = {name for name, _ in headers}
            headers += [header for header in _RAW_SECURITY_HEADERS if header[0] not in given]
            message["headers"] = [*headers, (_RAW_REQUEST_ID, self.id.encode())]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """Return the caller's id when it is short and harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == _RAW_REQUEST_ID:
            return value.decode() if _SANE_REQUEST_ID.fullmatch(value) else uuid.uuid4().hex
    return uuid.uuid4().hex
