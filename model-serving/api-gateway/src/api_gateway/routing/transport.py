"""HTTP/1.1 to one origin over kept connections, as thin as a hop inside the platform can be.

A general client costs more per call than the model does (`benchmarks/RESULTS.md`, Profile); this
one sends a request that is complete, reads an answer that is complete, and knows nothing else.
httptools, the parser of the server side, parses here as well.
"""

import asyncio
import ssl
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools

# A server closes what is idle for longer (uvicorn: 65 s here); rather not meet it doing so.
KEEP_ALIVE_SECONDS = 30
MAX_ANSWER_BYTES = 64 << 20


class ConnectionBroken(Exception):
    """Nobody listens, or the connection ended before the answer was complete."""


class NotHttp(Exception):
    """What came back is not HTTP, or has no end."""


class Answer:
    """A complete answer: `status` and `body`."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body


class Connections:
    """The connections to the origin of one URL; as many as there are requests at once."""

    def __init__(self, url: str, idle: int) -> None:
        """Connect to the origin of `url` on use; keep at most `idle` connections open."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._ssl = ssl.create_default_context() if secure else None
        self._origin = parts.netloc.rpartition("@")[2]
        self._most_idle = idle
        self._idle: deque[_Connection] = deque()
        self._closed = False

    async def request(self, method: str, target: str, body: bytes, seconds: float) -> Answer:
        """Return the answer to `method` on `target` (path and query) with the JSON `body`.

        Raises:
            ConnectionBroken: nobody listens, or the connection broke before the answer.
            NotHttp: the answer is not HTTP or larger than 64 MiB.
            TimeoutError: it took longer than `seconds`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        connection = self._take(loop.time()) or await self._connect(seconds)
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self._origin}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer = await connection.exchange(head.encode("ascii") + body, deadline)
        self._give_back(connection, loop.time())
        return answer

    def close(self) -> None:
        """Close what is idle; what is in use is closed when its answer is there."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self, now: float) -> "_Connection | None":
        """Return the connection that was used last; the others grow old and are closed."""
        while self._idle and now - self._idle[0].idle_since > KEEP_ALIVE_SECONDS:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def _give_back(self, connection: "_Connection", now: float) -> None:
        if self._closed or not connection.usable or len(self._idle) >= self._most_idle:
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
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def usable(self) -> bool:
        """Say whether another request may be sent."""
        return self._transport is not None and self._waiting is None

    async def exchange(self, request: bytes, deadline: float) -> Answer:
        """Send `request` and return its answer; `deadline` is a time of the event loop."""
        if self._transport is None:
            raise ConnectionBroken("closed")
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_at(deadline, self._fail, TimeoutError("no answer in time"))
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            timer.cancel()
            if self._waiting is not None:  # whoever waited is gone: the answer would be another's
                self._waiting = None
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
        """Tell whoever waits."""
        self._transport = None
        self._fail(ConnectionBroken(str(exc or "closed by the other side")))

    def data_received(self, data: bytes) -> None:
        """Parse; bytes that nobody asked for end the connection."""
        if self._waiting is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(NotHttp(str(error)))

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._size += len(body)
        if self._size > MAX_ANSWER_BYTES:
            self._fail(NotHttp(f"the answer is larger than {MAX_ANSWER_BYTES} bytes"))
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over; the connection is free again unless the server closes it."""
        waiting, self._waiting = self._waiting, None
        status = self._parser.get_status_code()
        body, self._parts, self._size = b"".join(self._parts), [], 0
        if not self._parser.should_keep_alive():
            self.close()
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(status, body))

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        self.close()
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
