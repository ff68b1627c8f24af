"""Connections that cost nothing when they are good for nothing: idle, slow or endless ones.

uvicorn closes a connection that is idle after a response. It waits for ever for the first request
on one, for the end of a request's head, for the rest of a body that was refused already, and for a
caller who does not read. Here each of these has an end.
"""

import asyncio
import logging
import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from platform_core.joined_writes import JoinedWrites

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 << 10
# Files a gateway needs besides its callers' connections: the services', the spool's, the logs'.
OWN_FILES = 512


@dataclass(frozen=True)
class ConnectionLimits:
    """`connections` at once, and `seconds` for a head to arrive or a caller to read."""

    connections: int
    seconds: float


def raise_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """Let this process open as many files as it may; return what that suffices for."""
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


def guarded(limits: ConnectionLimits) -> Callable[..., asyncio.Protocol]:
    """Return what uvicorn makes a protocol with: `Config(http=guarded(…))`."""
    return partial(GuardedConnection, limits)


class GuardedConnection(HttpToolsProtocol):
    """One connection with a caller."""

    def __init__(self, limits: ConnectionLimits, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuse one connection too many; await the first request on any other."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self._limits.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, b"retry-after: 1\r\n")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            # Nobody waits for an answer: it is the next head, or what is left of a refused body.
            self._await_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Hang up on a caller who does not read, after a while."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self._limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the caller reads."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self._limits.seconds, self._too_slow)

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
        """Answer what never becomes a request of the application, and hang up."""
        end = b"content-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + headers + end)
        self.transport.close()
