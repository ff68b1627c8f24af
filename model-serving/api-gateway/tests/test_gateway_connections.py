"""Idle, slow and stalled connections are closed; the others are not affected."""

import asyncio
import json

import pytest

SECONDS = 10
SHORT = 0.05


async def connect(running):
    url = running.client.base_url
    return await asyncio.open_connection(url.host, url.port)


async def answer_of(running, *parts: bytes) -> bytes:
    """Send `parts` and return everything until the gateway hangs up."""
    reader, writer = await connect(running)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(SECONDS):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
async def hasty(serve):
    return await serve(head_timeout_seconds=SHORT, body_timeout_seconds=SHORT)


async def test_a_connection_without_a_request_is_closed(hasty) -> None:
    assert await answer_of(hasty) == b""


@pytest.mark.parametrize("part", [b"POST /predict HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_incomplete_headers_time_out(hasty, part) -> None:
    assert (await answer_of(hasty, part)).startswith(b"HTTP/1.1 408 ")


async def drip(writer, drop: bytes) -> None:
    """Send `drop` again and again, until the gateway hangs up."""
    while not writer.is_closing():
        writer.write(drop)
        await asyncio.sleep(SHORT / 10)


async def test_slowly_sent_headers_time_out(hasty) -> None:
    reader, writer = await connect(hasty)
    writer.write(b"GET / HTTP/1.1\r\n")
    dripping = asyncio.create_task(drip(writer, b"X-More: 1\r\n"))
    async with asyncio.timeout(SECONDS):
        assert await reader.readexactly(13) == b"HTTP/1.1 408 "
        await dripping
    writer.close()


async def test_the_rest_of_a_refused_body_is_read_for_a_limited_time(hasty) -> None:
    reader, writer = await connect(hasty)
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")
    async with asyncio.timeout(SECONDS):
        await drip(writer, b" ")
    writer.close()


@pytest.mark.parametrize(
    "head",
    [b"X-Long: " + b"a" * (1 << 20), b"".join(b"X-%d: 1\r\n" % n for n in range(20_000))],
    ids=["one long header", "many headers"],
)
async def test_the_size_of_the_headers_is_limited(running, head) -> None:
    answer = await answer_of(
        running, b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + head[: 80 << 10]
    )
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_headers_within_the_size_limit_are_read(running) -> None:
    response = await running.client.get("/health/live", headers={"X-Long": "a" * 30_000})
    assert response.status_code == 200


async def test_a_connection_above_the_limit_is_told_to_retry(serve) -> None:
    running = await serve(max_connections=2)
    assert (await running.client.get("/health/live")).status_code == 200
    _, second = await connect(running)
    answer = await answer_of(running)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer
    second.close()
    assert (await running.client.get("/health/live")).status_code == 200


async def test_pipelined_requests_are_answered(hasty) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await answer_of(hasty, request * 20 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 21


async def test_a_response_may_take_longer_than_the_header_timeout(serve, v2, keys, spam) -> None:
    running = await serve(head_timeout_seconds=SHORT)
    v2.server.gate.clear()
    waiting = asyncio.create_task(running.predict())
    await asyncio.sleep(3 * SHORT)
    v2.server.gate.set()
    response = await waiting
    assert response.status_code == 200
    assert json.loads(response.content)["email_id"] == spam["email_id"]


async def test_blanks_around_a_header_value_do_not_belong_to_it(running, keys, spam) -> None:
    body = json.dumps(spam).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nX-API-Key: \t {keys['operator']} \t\r\n"
        "X-Environment: production \t \r\nX-Purpose: smoke \r\nX-Request-ID: mine \r\n"
        f"Content-Type: application/json \r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = await answer_of(running, head.encode(), body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"x-request-id: mine\r\n" in answer
    assert b'"environment":"production"' in answer
