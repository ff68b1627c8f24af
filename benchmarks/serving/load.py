"""A closed loop over HTTP/1.1.

Requests are bytes that were made before, answers are parsed by C code and judged later: the
load generator must cost far less than what it measures.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator

import httptools

from serving.target import Load


class Run:
    """A load in progress: the next request and the responses."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.numbers: list[int] = []
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.latencies: list[float] = []
        self.error = ""
        self.end = 0.0
        self._next: Iterator[int] = itertools.cycle(range(len(load.target.requests)))

    def next(self) -> int:
        """Return the number of the request to send."""
        return next(self._next)

    def add(self, number: int, status: int, body: bytes, start: float) -> None:
        """Record a response."""
        self.latencies.append(time.perf_counter() - start)
        self.numbers.append(number)
        self.statuses.append(status)
        self.bodies.append(body)


class Connection(asyncio.Protocol):
    """A client's keep-alive connection; `idle` is called after each response."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done = asyncio.get_running_loop().create_future()
        self._requests = run.load.target.requests
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Store the transport."""
        self._transport = transport

    def send(self, start: float) -> None:
        """Send the next request; its latency counts from `start`."""
        self._number, self._start = self.run.next(), start
        self._transport.write(self._requests[self._number])

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """Store a part of the response."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Record the response."""
        body, self._parts = b"".join(self._parts), []
        self.run.add(self._number, self._parser.get_status_code(), body, self._start)
        self.idle()

    def idle(self) -> None:
        """Send the next request, or close the connection."""
        now = time.perf_counter()
        if now < self.run.end:
            self.send(now)
        else:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Record an error if the server closed the connection during a request."""
        if not self.done.done():
            self.run.error = f"the server closed the connection: {error or 'end of file'}"
            self.done.set_result(None)


async def connected(run: Run, kind: type[Connection] = Connection) -> list[Connection]:
    """Return one open connection per client."""
    loop, target = asyncio.get_running_loop(), run.load.target
    opened = [
        await loop.create_connection(lambda: kind(run), target.host, target.port)
        for _ in range(run.load.clients)
    ]
    return [protocol for _, protocol in opened]


async def closed_loop(run: Run) -> None:
    """Load a server over HTTP until the time is over and every request is answered."""
    connections = await connected(run)
    start = time.perf_counter()
    run.end = start + run.load.seconds
    for connection in connections:
        connection.send(start)
    await asyncio.gather(*(connection.done for connection in connections))
