"""Errors of the console's connections to the gateway are those that httpx raises itself."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import SHUT_RDWR, create_server, socket

import httpx
import pytest

from console.gateway.transport import GatewayTransport


@contextmanager
def connecting(handle: Callable[[socket], object]) -> Iterator[str]:
    """Run a server that handles one connection after the other; yield its URL."""
    with create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    handle(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(SHUT_RDWR)
        thread.join()


def get(url: str) -> None:
    async def asked() -> None:
        transport = GatewayTransport(trust_env=False)
        async with httpx.AsyncClient(transport=transport, timeout=0.2, trust_env=False) as client:
            await client.get(url)

    asyncio.run(asked())


def test_a_refused_connection_is_no_time_out() -> None:
    with create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    with pytest.raises(httpx.ConnectError):
        get(url)


def test_a_connection_that_is_closed_without_a_response_was_lost_while_reading() -> None:
    with (
        connecting(lambda connection: connection.recv(1000)) as url,
        pytest.raises(httpx.ReadError),
    ):
        get(url)


def test_a_gateway_that_sends_nothing_is_waited_for_until_the_time_out() -> None:
    ended = threading.Event()
    with connecting(lambda _: ended.wait()) as url:
        try:
            with pytest.raises(httpx.ReadTimeout):
                get(url)
        finally:
            ended.set()
