"""HTTP/1.1 to one origin over kept-alive connections: whole requests and whole responses.

The gateway calls the inference service for every prediction. This class costs 70 µs of CPU per call
where aiohttp costs 245 µs (64 callers: 44 and 219 µs; httpx several times that), which is a
noticeable part of a lone prediction; `docs/adr` says more. httptools, uvicorn's parser, parses the
responses.
"""

import asyncio
import ssl
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools

# Servers close idle connections later than this (uvicorn is set to 65 s).
KEEP_ALIVE_SECONDS = 30
MAX_RESPONSE_BYTES = 64 << 20


class ConnectionBroken(Exception):
    """The server does not listen, or the connection ended before the response was complete."""


class InvalidHttp(Exception):
    """The response is not HTTP, or is too large."""


SERVICE_TIME = "x-service-microseconds"
"""Header of a response: how long the release took for the call, without waiting for a processor."""
_SERVICE_TIME = SERVICE_TIME.encode()


class HttpResponse:
    """A complete response: `status`, `body` and the value of `SERVICE_TIME`, if it has one."""

    __slots__ = ("body", "service_us", "status")

    def __init__(self, status: int, body: bytes, service_us: int | None = None) -> None:
        self.status = status
        self.body = body
        self.service_us = service_us


class ConnectionPool:
    """The connections to the origin of one URL, one per concurrent request."""

    def __init__(self, url: str, max_idle: int) -> None:
        """Connect to the origin of `url` on use; keep at most `max_idle` idle connections."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._ssl = ssl.create_default_context() if secure else None
        self._origin = parts.netloc.rpartition("@")[2]
        self._max_idle = max_idle
        self._idle: deque[_Connection] = deque()
        self._closed = False

    async def request(self, method: str, target: str, body: bytes, seconds: float) -> HttpResponse:
        """Return the response to `method` on `target` (path and query) with the JSON `body`.

        Raises:
            ConnectionBroken: the server does not listen, or the connection broke.
            InvalidHttp: the response is not HTTP or larger than 64 MiB.
            TimeoutError: it took longer than `seconds`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        connection = self._take(loop.time()) or await self._connect(seconds)
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self._origin}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        response = await connection.exchange(head.encode("ascii") + body, deadline)
        self._give_back(connection, loop.time())
        return response

    def close(self) -> None:
        """Close idle connections; a connection in use is closed after its response."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self, now: float) -> "_Connection | None":
        """Return the most recently used connection; the others age and are closed."""
        while self._idle and now - self._idle[0].idle_since > KEEP_ALIVE_SECONDS:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def _give_back(self, connection: "_Connection", now: float) -> None:
        if self._closed or not connection.usable or len(self._idle) >= self._max_idle:
            connection.close()
            return
        connection.idle_since = now
        self._idle.append(connection)

    async def _connect(self, seconds: float) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._ssl
                )
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise ConnectionBroken(str(error)) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[HttpResponse] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0
        self._service_us: int | None = None

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and self._response is None

    async def exchange(self, request: bytes, deadline: float) -> HttpResponse:
        """Send `request` and return its response; `deadline` is a time of the event loop."""
        if self._transport is None:
            raise ConnectionBroken("closed")
        loop = asyncio.get_running_loop()
        self._response = loop.create_future()
        timer = loop.call_at(deadline, self._fail, TimeoutError("no response in time"))
        self._transport.write(request)
        try:
            return await self._response
        finally:
            timer.cancel()
            if self._response is not None:  # cancelled: the response must not reach the next caller
                self._response = None
                self.close()

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request in progress."""
        self._transport = None
        self._fail(ConnectionBroken(str(exc or "closed by the server")))

    def data_received(self, data: bytes) -> None:
        """Parse; unrequested bytes end the connection."""
        if self._response is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(InvalidHttp(str(error)))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the service time; no other header of a response is used."""
        if name.lower() == _SERVICE_TIME and value.isdigit():
            self._service_us = int(value)

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._size += len(body)
        if self._size > MAX_RESPONSE_BYTES:
            self._fail(InvalidHttp(f"the response is larger than {MAX_RESPONSE_BYTES} bytes"))
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hand the response over; the connection is free unless the server closes it."""
        response, self._response = self._response, None
        status = self._parser.get_status_code()
        body, self._parts, self._size = b"".join(self._parts), [], 0
        service_us, self._service_us = self._service_us, None
        if not self._parser.should_keep_alive():
            self.close()
        if response is not None and not response.done():
            response.set_result(HttpResponse(status, body, service_us))

    def _fail(self, error: Exception) -> None:
        response, self._response = self._response, None
        self.close()
        if response is not None and not response.done():
            response.set_exception(error)
