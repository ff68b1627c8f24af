"""A proxy in front of an inference server that answers a share of the inference requests with 500.

The gateway and the controller find the server by a URL of the settings, so that the errors of a
release need no switch in the platform.
"""

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread

from platform_core.testing.proxying import copy, read_request, until_one_ends

HOST = "127.0.0.2"
"""An address of the loopback interface other than the one that servers listen on (Linux)."""
BODY = b'{"error": "an error of the benchmark"}'
ERROR = b"HTTP/1.1 500 Error\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
SEED = 11
Address = tuple[str, int]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ErrorProxy:
    """Forwards connections to `server` from the same port of `HOST`, in a thread of its own.

    It understands clients that send one request after the other on a connection, with bodies of
    known length.
    """

    def __init__(self, server: Address) -> None:
        self._server = server
        self._random = random.Random(SEED)  # noqa: S311 (reproducible, no secret)
        self._share = 0.0
        self._refused = 0
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "ErrorProxy":
        """Listen."""
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(self, *error: object) -> None:
        """Close all connections."""
        loop, stop = self._ready.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    @property
    def refused(self) -> int:
        """How many requests were answered with 500."""
        return self._refused

    @contextmanager
    def failing(self, share: float) -> Iterator[None]:
        """Answer this share of the inference requests with 500 until the block ends."""
        self._share = share
        try:
            yield
        finally:
            self._share = 0.0

    async def _run(self) -> None:
        stop = asyncio.Event()
        try:
            server = await asyncio.start_server(self._serve, HOST, self._server[1], backlog=512)
        except OSError as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()  # leaving `asyncio.run` cancels the connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                server = await asyncio.open_connection(*self._server)
                await self._forward((reader, writer), server)
            finally:
                writer.transport.abort()

    async def _forward(self, client: Connection, server: Connection) -> None:
        try:
            await until_one_ends(self._requests(client, server[1]), copy(server[0], client[1]))
        finally:
            server[1].transport.abort()

    async def _requests(self, client: Connection, server: asyncio.StreamWriter) -> None:
        reader, writer = client
        while True:
            head, body = await read_request(reader)
            if self._fails(head):
                self._refused += 1
                writer.write(ERROR % (len(BODY), BODY))
                await writer.drain()
            else:
                server.write(head + body)
                await server.drain()

    def _fails(self, head: bytes) -> bool:
        target = head.split(b" ", 2)[1]
        return target.endswith(b"/infer") and self._random.random() < self._share
