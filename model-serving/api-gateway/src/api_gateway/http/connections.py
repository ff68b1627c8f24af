"""Closes idle, slow and stalled connections.

uvicorn closes a connection that is idle after a response. It waits without limit for the first
request on a connection, for the end of a request's headers, for the rest of a body that was
refused, and for a client that does not read. Here each of these has a time-out.

At the end of the program uvicorn closes idle connections at once, so that a request that is just
being sent fails. Here such a request is answered, with `Connection: close`.
"""

import asyncio
import logging
import resource
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from platform_core.joined_writes import JoinedWrites

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 << 10
# Files the gateway needs in addition: connections to the services, the spool, logs.
OWN_FILES = 512
# How long an idle connection stays open at the end of the program.
DRAIN_SECONDS = 1.0


@dataclass(frozen=True)
class ConnectionLimits:
    """At most `connections` at once; `seconds` for headers to arrive and for a client to read."""

    connections: int
    seconds: float


def raise_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """Raise this process's limit of open files; return the limits that it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = limits.connections + OWN_FILES
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    possible = max(1, hard - OWN_FILES)
    if possible < limits.connections:
        logger.warning("the limit of open files leaves room for %d connections", possible)
    return ConnectionLimits(min(limits.connections, possible), limits.seconds)


def limited_protocol(limits: ConnectionLimits) -> type["LimitedConnection"]:
    """Return the protocol class for uvicorn: `Config(http=limited_protocol(…))`."""
    return type("LimitedConnection", (LimitedConnection,), {"limits": limits})


class LimitedConnection(HttpToolsProtocol):
    """One connection with a client; subclasses set `limits`."""

    limits: ConnectionLimits

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = False
        self._draining = False

    def connection_made(  # type: ignore[override]  # uvicorn's protocols narrow it as well
        self, transport: asyncio.Transport
    ) -> None:
        """Refuse a connection above the limit; wait for the first request on any other."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.limits.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, b"retry-after: 1\r\n")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timers."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the headers have become too large."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            # No response is pending: this is the next request, or the rest of a refused body.
            self._await_head()

    def on_message_begin(self) -> None:
        """Start counting the bytes of the headers."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Cancel the header time-out."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """End the connection with the response to the next request, or when there is none."""
        self._draining = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(DRAIN_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Close the connection if the client does not read for `limits.seconds`."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue: the client reads."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.limits.seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, headers: bytes = b"") -> None:
        """Answer what never becomes a request of the application, and close the connection."""
        end = b"content-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + headers + end)
        self.transport.close()
