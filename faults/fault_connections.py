"""Idle, slow, incomplete and endless connections."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context

import psutil
from fault_drill import FaultOutcome, drill
from fault_testbed import KEYS, Testbed

IDLE, QUICK_IDLE = 10_000, 2_000
SOME = 100
LIMIT_SECONDS = 5
SLACK_SECONDS = 30
MEMORY_BYTES = 400 << 20
OWN_FILES = 1000
AT_ONCE = 500
HEAD = (
    f"POST /predict HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEYS['modest']}\r\n"
    "Content-Type: application/json\r\n"
).encode()
ENDLESS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW = HEAD + b"Content-Length: 1000000\r\n\r\n"
STALLED = (
    (HEAD[:-2], b"X-More: 1\r\n"),
    (ENDLESS, b"1\r\n \r\n"),
    (SLOW, b" "),
    (SLOW, b""),
)
"""The beginning of a request, and what is sent again and again."""
REQUEST_TIMEOUT, BUSY = 408, 503


async def connections(testbed: Testbed) -> FaultOutcome:
    """Open thousands of stalled connections while ordinary requests are answered."""
    count = QUICK_IDLE if testbed.quick else IDLE
    seconds = str(LIMIT_SECONDS)
    limits = {"HEAD_TIMEOUT_SECONDS": seconds, "BODY_TIMEOUT_SECONDS": seconds}
    with testbed.another_gateway(**limits) as server:
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        async with drill(testbed, "idle-and-slow-connections") as run:
            run.broken()
            # A process of its own: this one also runs the clients and the proxies. It is given the
            # requests, because a key that it made itself would be unknown.
            pool = ProcessPoolExecutor(1, get_context("spawn"))
            held = await asyncio.get_running_loop().run_in_executor(
                pool, _attack, testbed.port, count, STALLED
            )
            await asyncio.to_thread(pool.shutdown)
            grown = process.memory_info().rss - before
            await run.recovered()
    notes = f"{held.idle} idle connections, closed after {held.seconds:.0f} s; +{grown >> 20} MiB"
    run.outcome.notes.append(notes)
    run.outcome.require(held.seconds < LIMIT_SECONDS + SLACK_SECONDS, "idle connections stay open")
    run.outcome.require(held.still_open == 0, f"{held.still_open} stalled connections stay open")
    as_expected = REQUEST_TIMEOUT in held.statuses and set(held.statuses) <= {REQUEST_TIMEOUT, BUSY}
    run.outcome.require(as_expected, f"stalled requests are answered with {held.statuses}")
    run.outcome.require(run.outcome.refused == 0, "ordinary requests were refused")
    run.outcome.require(grown < MEMORY_BYTES, "memory grows")
    return run.outcome


@dataclass(frozen=True)
class _HeldConnections:
    """`idle` connections closed after `seconds`; `still_open` stalled ones outlived their time-out.

    `statuses` counts the answers to stalled requests; some connections are closed without one.
    """

    idle: int
    seconds: float
    still_open: int
    statuses: Counter[int]


def _attack(port: int, idle: int, stalled: Sequence[tuple[bytes, bytes]]) -> _HeldConnections:
    """Hold `idle` connections, or as many as the limit of open files allows, and some that send the
    beginning of a request and then its next bytes again and again.
    """
    idle = _possible_connections(idle)

    async def hold() -> _HeldConnections:
        connections = [
            _StalledConnection(port, begin, drop) for begin, drop in stalled for _ in range(SOME)
        ]
        ended = asyncio.gather(*(one.run() for one in connections))
        lasted = await _hold_idle(port, idle)
        still_open = sum(await ended)
        statuses = Counter(one.status for one in connections if one.status)
        return _HeldConnections(idle, lasted, still_open, statuses)

    return asyncio.run(hold())


class _StalledConnection:
    """Sends `begin`, then `drop` repeatedly, until the gateway closes the connection.

    `status` is that of its answer, `None` without one.
    """

    status: int | None = None

    def __init__(self, port: int, begin: bytes, drop: bytes) -> None:
        self._port, self._begin, self._drop = port, begin, drop

    async def run(self) -> bool:
        """Return whether the connection was still open after the time-out."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._begin)
            async with asyncio.timeout(LIMIT_SECONDS + SLACK_SECONDS):
                with suppress(OSError):
                    await self._send_until_closed(reader, writer)
        except TimeoutError:
            return True
        finally:
            writer.transport.abort()
        return False

    async def _send_until_closed(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(self._drop)
            await asyncio.wait([ended], timeout=0.2)
        if answer := ended.result():
            self.status = int(answer.split()[1])


async def _hold_idle(port: int, count: int) -> float:
    """Hold `count` idle connections; return the seconds until the gateway has closed all."""
    opened = []
    for start in range(0, count, AT_ONCE):
        chunk = range(start, min(count, start + AT_ONCE))
        pending = (asyncio.open_connection("127.0.0.1", port) for _ in chunk)
        opened += await asyncio.gather(*pending)
    begin = time.monotonic()
    ends = [asyncio.create_task(reader.read()) for reader, _ in opened]
    await asyncio.wait(ends, timeout=LIMIT_SECONDS + SLACK_SECONDS)
    lasted = time.monotonic() - begin
    for end, (_, writer) in zip(ends, opened, strict=True):
        end.cancel()
        writer.transport.abort()
    await asyncio.gather(*ends, return_exceptions=True)
    return lasted


def _possible_connections(count: int) -> int:
    """Raise the limit of open files; return how many connections it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = count + OWN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(count, hard - OWN_FILES)
