"""A TCP proxy in front of a real server that injects faults.

Changing the fault closes all connections, so that it affects the next call. Calls are recognised as
in request-response protocols: the first bytes that a client sends after a response begin a call.
"""

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from platform_core.testing.processes import free_port
from platform_core.testing.proxying import copy, read_request, until_one_ends


@dataclass(frozen=True)
class Fault:
    """The effects on a call, none by default.

    `seconds` is a delay and `status` an HTTP status instead of the server's response; `gone` closes
    the connection, `silent` never responds, and `spoil` replaces bytes of the request.
    """

    seconds: float = 0.0
    status: int | None = None
    gone: bool = False
    silent: bool = False
    spoil: tuple[bytes, bytes] | None = None


NO_FAULT = Fault()
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Proxy:
    """Listens on `port` of 127.0.0.1 and forwards to `target`, in a separate thread."""

    target: int
    port: int = field(default_factory=free_port)
    calls: int = 0
    _fault: Fault = NO_FAULT
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def start(self) -> "Proxy":
        """Listen until the process ends."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        serve = asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        asyncio.run_coroutine_threadsafe(serve, self._loop).result()
        return self

    def inject(self, fault: Fault) -> None:
        """Apply `fault` from now on; `NO_FAULT` ends it."""

        async def change() -> None:
            self._fault = fault
            for writer in self._writers:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._handle((reader, writer), self._fault)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _handle(self, connection: Pair, fault: Fault) -> None:
        if fault.gone:
            self.calls += 1
        elif fault.silent:
            self.calls += 1
            await connection[0].read()
        elif fault.status is not None:
            await self._refuse(connection, fault)
        else:
            await self._forward(connection, fault)

    async def _refuse(self, connection: Pair, fault: Fault) -> None:
        reader, writer = connection
        while True:
            await read_request(reader)
            self.calls += 1
            await asyncio.sleep(fault.seconds)
            answer = f"HTTP/1.1 {fault.status} Fault\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()

    async def _forward(self, connection: Pair, fault: Fault) -> None:
        server = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(server[1])
        answered = asyncio.Event()
        answered.set()

        async def request(data: bytes) -> bytes:
            if answered.is_set():
                answered.clear()
                self.calls += 1
                await asyncio.sleep(fault.seconds)
            return data.replace(*fault.spoil) if fault.spoil else data

        async def response(data: bytes) -> bytes:
            answered.set()
            return data

        try:
            await until_one_ends(
                copy(connection[0], server[1], request), copy(server[0], connection[1], response)
            )
        finally:
            self._writers.discard(server[1])
            server[1].transport.abort()
