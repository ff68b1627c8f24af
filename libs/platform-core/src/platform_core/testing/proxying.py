"""What TCP proxies of tests and benchmarks share: reading requests, and copying both ways."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

CHUNK = 64 << 10


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the headers, with the empty line behind them, and the body of an HTTP request.

    Raises:
        asyncio.IncompleteReadError: the connection ends first.
        asyncio.LimitOverrunError: the headers are longer than the limit of the reader.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    fields = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    length = next((value for name, _, value in fields if name == b"content-length"), b"0")
    return head, await reader.readexactly(int(length))


async def copy(
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter,
    change: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> None:
    """Copy bytes until `source` ends, each piece as `change` returns it."""
    while data := await source.read(CHUNK):
        target.write(await change(data) if change else data)
        await target.drain()


async def until_one_ends(*directions: Coroutine[Any, Any, None]) -> None:
    """Run the directions of a connection until one of them ends, then cancel the others."""
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
