"""`/metrics` and `/health/live`."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
LIVE = "/health/live"


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep probes out of the log."""


def serve(host: str, port: int, is_alive: Callable[[], bool]) -> WSGIServer:
    """Serve metrics and liveness in a thread that ends with the program.

    `/health/live` answers 503 when `is_alive` says no.
    """
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != LIVE:
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        status = HTTPStatus.OK if is_alive() else HTTPStatus.SERVICE_UNAVAILABLE
        line = f"{status.value} {status.phrase}"
        start_response(line, [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []

    server = make_server(host, port, app, handler_class=_QuietHandler)
    Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
