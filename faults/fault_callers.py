"""Callers who are good for nothing: idle, slow, half gone, endless."""

import asyncio
import resource
import time
from contextlib import suppress

import psutil
from fault_drill import Outcome, drill
from fault_stand import KEYS, Stand

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


async def callers(stand: Stand) -> Outcome:
    """Open thousands of connections that lead to nothing; the others are answered all the time."""
    wanted = _possible(QUICK_IDLE if stand.quick else IDLE)
    seconds = str(LIMIT_SECONDS)
    limits = {"HEAD_TIMEOUT_SECONDS": seconds, "BODY_TIMEOUT_SECONDS": seconds}
    with stand.another_gateway(**limits) as unit:
        process = psutil.Process(unit.process.pid)
        before = process.memory_info().rss
        async with drill(stand, "useless-connections") as run:
            run.broken()
            tasks = [
                *(_Caller(stand.port, HEAD[:-2], b"X-More: 1\r\n").run() for _ in range(SOME)),
                *(_Caller(stand.port, ENDLESS, b"1\r\n \r\n").run() for _ in range(SOME)),
                *(_Caller(stand.port, SLOW, b" ").run() for _ in range(SOME)),
                *(_Caller(stand.port, SLOW, b"").run() for _ in range(SOME)),
            ]
            bad = asyncio.gather(*tasks)
            lasted = await _idle(stand.port, wanted)
            grown = process.memory_info().rss - before
            open_after = await bad
            await run.recovered()
    notes = f"{wanted} idle connections, closed after {lasted:.0f} s; +{grown >> 20} MiB"
    run.outcome.notes.append(notes)
    run.outcome.require(lasted < LIMIT_SECONDS + SLACK_SECONDS, "idle connections stay open")
    run.outcome.require(not any(open_after), f"{sum(open_after)} useless connections stay open")
    run.outcome.require(run.outcome.refused == 0, "good callers were refused")
    run.outcome.require(grown < MEMORY_BYTES, "memory grows")
    return run.outcome


class _Caller:
    """Sends a beginning, then drops, until the gateway hangs up."""

    def __init__(self, port: int, begin: bytes, drop: bytes) -> None:
        self._port, self._begin, self._drop = port, begin, drop

    async def run(self) -> bool:
        """Say whether the connection was still open when it should long have been closed."""
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
        ended.exception()


async def _idle(port: int, wanted: int) -> float:
    """Hold `wanted` connections open; return how long until the gateway had closed them all."""
    connections = []
    for start in range(0, wanted, AT_ONCE):
        some = range(start, min(wanted, start + AT_ONCE))
        opened = (asyncio.open_connection("127.0.0.1", port) for _ in some)
        connections += await asyncio.gather(*opened)
    begin = time.monotonic()
    ends = [asyncio.create_task(reader.read()) for reader, _ in connections]
    await asyncio.wait(ends, timeout=LIMIT_SECONDS + SLACK_SECONDS)
    lasted = time.monotonic() - begin
    for end, (_, writer) in zip(ends, connections, strict=True):
        end.cancel()
        writer.transport.abort()
    await asyncio.gather(*ends, return_exceptions=True)
    return lasted


def _possible(wanted: int) -> int:
    """Raise this process's limit of open files; return how many connections that allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = wanted + OWN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, hard - OWN_FILES)
