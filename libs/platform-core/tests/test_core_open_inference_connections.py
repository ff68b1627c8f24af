"""The thin HTTP client between gateway and inference service, against servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from platform_core.open_inference.connections import ConnectionBroken, ConnectionPool, InvalidHttp
from platform_core.testing.processes import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@asynccontextmanager
async def serving(
    *answers: bytes | list[bytes] | None,
) -> AsyncIterator[tuple[ConnectionPool, list[bytes]]]:
    """Answer the requests in turn by raw bytes, in pieces where it is a list; `None` hangs up, and
    where nothing is left it says nothing.
    """
    heard: list[bytes] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                heard.append(head + await reader.readexactly(length))
                answer = left.pop(0) if left else b""
                if answer is None:
                    break
                for piece in answer if isinstance(answer, list) else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connections = ConnectionPool(f"http://127.0.0.1:{port}/base", max_idle=2)
    try:
        yield connections, heard
    finally:
        connections.close()
        server.close()


async def ask(connections: ConnectionPool, body: bytes = b"{}", seconds: float = 5) -> tuple:
    answer = await connections.request("POST", "/v2?x=1", body, seconds)
    return answer.status, answer.body


async def test_it_sends_a_whole_request_and_returns_a_whole_answer() -> None:
    async with serving(OK) as (connections, heard):
        assert await ask(connections, b'{"a": 1}') == (200, b"hi")
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert body == b'{"a": 1}'


async def test_a_connection_is_used_again_after_chunks_too() -> None:
    chunks = (
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    async with serving(chunks, OK) as (connections, heard):
        assert await ask(connections) == (503, b"abcde")
        assert await ask(connections) == (200, b"hi")
    assert len(heard) == 2


async def test_a_server_that_closes_gets_a_new_connection() -> None:
    last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(last, OK) as (connections, _):
        assert await ask(connections) == (200, b"hi")
        assert await ask(connections) == (200, b"hi")


@pytest.mark.parametrize("answer", [None, OK[:-1], b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_a_broken_or_silent_answer_is_no_answer(answer) -> None:
    async with serving(answer) as (connections, _):
        with pytest.raises((ConnectionBroken, TimeoutError)):
            await ask(connections, seconds=0.2)


async def test_what_is_no_http_is_refused() -> None:
    async with serving(b"SSH-2.0-OpenSSH_9.2\r\n\r\n") as (connections, _):
        with pytest.raises(InvalidHttp):
            await ask(connections)


async def test_a_late_answer_never_becomes_the_answer_to_the_next_request() -> None:
    async with serving(b"", OK) as (connections, heard):
        with pytest.raises(TimeoutError):
            await ask(connections, seconds=0.05)
        assert await ask(connections) == (200, b"hi")
    assert len(heard) == 2


async def test_a_cancelled_waiter_returns_no_connection() -> None:
    async with serving(b"", OK) as (connections, heard):
        task = asyncio.create_task(ask(connections))
        while not heard:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ask(connections) == (200, b"hi")


async def test_a_closed_port_is_a_broken_connection() -> None:
    connections = ConnectionPool(f"http://127.0.0.1:{free_port()}", max_idle=1)
    with pytest.raises(ConnectionBroken):
        await ask(connections)


@pytest.mark.parametrize("piece", [1, 7, 40])
async def test_an_answer_may_come_in_any_pieces(piece: int) -> None:
    body = bytes(range(256))
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    pieces = [whole[start : start + piece] for start in range(0, len(whole), piece)]
    async with serving(pieces) as (connections, _):
        assert await ask(connections) == (200, body)
