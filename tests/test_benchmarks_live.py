"""The bad canaries of the benchmark `live`: calls that fail, and a graph with more work."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import numpy as np
import pytest
from live.proxy import HOST, ErrorProxy
from live.slower import with_more_work

from scoring.graph import Graph
from use_cases import assemble, model_schema, use_case
from use_cases.testing import fit_default, generated_records

SPAM = use_case("spam")


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer with the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _proxied_server() -> Iterator[tuple[ErrorProxy, httpx.Client]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = ("127.0.0.1", server.server_port)
        url = f"http://{HOST}:{server.server_port}"
        with ErrorProxy(address) as proxy, httpx.Client(base_url=url, trust_env=False) as client:
            yield proxy, client
        server.shutdown()
        thread.join()


def test_the_proxy_passes_requests_on():
    with _proxied_server() as (proxy, client):
        bodies = [bytes([65 + n]) * 10**n for n in range(6)]
        assert [client.post("/v2/models/a/infer", content=one).content for one in bodies] == bodies
        assert proxy.refused == 0


def test_the_proxy_fails_the_share_of_inference_requests_and_no_others():
    with _proxied_server() as (proxy, client):
        with proxy.failing(0.5):
            codes = [client.post("/v2/models/a/infer", content=b"x").status_code for _ in range(40)]
            assert client.post("/v2/repository/models/a/load", content=b"x").is_success
        assert set(codes) == {200, 500}
        assert proxy.refused == codes.count(500)
        assert client.post("/v2/models/a/infer", content=b"x").content == b"x"


@pytest.mark.parametrize("rows", [1, 7])
def test_more_work_changes_no_answer(rows: int):
    candidate = next(iter(SPAM.training().candidates()))
    model = candidate.to_onnx(fit_default(SPAM, candidate, 200)).SerializeToString()
    features = assemble(SPAM, generated_records(SPAM, rows, seed=5))
    schema, classes = model_schema(SPAM), len(SPAM.classes)
    plain, slower = (Graph(m, schema, classes) for m in (model, with_more_work(model, 50)))
    np.testing.assert_array_equal(slower.answers(features), plain.answers(features))
