"""The load generator of the benchmarks reports the requests that the server received."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serving.load_generator import perform
from serving.target import Load, http_target

BODIES = [{"number": number} for number in range(7)]
SECONDS = 0.2


class Echo(BaseHTTPRequestHandler):
    """Echoes requests; `status` and `gate` of the server change the response."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(body)
        if self.server.hangs_up:
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def echo(status: int = 200, hangs_up: bool = False) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.status, server.hangs_up, server.asked = status, hangs_up, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def load(server: ThreadingHTTPServer, clients: int = 3, rate: float | None = None) -> Load:
    return Load(http_target(server.server_port, "/", BODIES), clients, SECONDS, rate)


@pytest.mark.parametrize("rate", [None, 100])
def test_every_response_belongs_to_its_request(rate) -> None:
    with echo() as server:
        wanted = load(server, rate=rate)
        outcome = perform(wanted)
    assert outcome.error == ""
    assert len(outcome.bodies) == len(outcome.latencies) == len(server.asked) > 0
    assert set(outcome.statuses) == {200}
    for number, body in zip(outcome.numbers, outcome.bodies, strict=True):
        assert wanted.target.requests[number].endswith(b"\r\n\r\n" + body)


def test_an_open_loop_sends_the_given_number_of_requests() -> None:
    expected = 20
    with echo() as server:
        outcome = perform(load(server, clients=expected, rate=expected / SECONDS))
    assert len(outcome.bodies) == expected


def test_an_error_status_is_reported() -> None:
    with echo(status=503) as server:
        outcome = perform(load(server))
    assert set(outcome.statuses) == {503}


def test_a_closed_connection_is_an_error() -> None:
    with echo(hangs_up=True) as server:
        outcome = perform(load(server))
    assert "closed the connection" in outcome.error
    assert list(outcome.bodies) == []


def test_a_missing_server_is_an_error() -> None:
    with echo() as server:
        wanted = load(server)
    assert "ConnectionRefusedError" in perform(wanted).error
