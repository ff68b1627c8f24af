"""The webhook and the flush, against a real HTTP server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from drift_detector.alerts import Webhook
from drift_detector.gateway import Flush, gateway_flush
from drift_detector.settings import DriftSettings
from drift_detector.window import Window
from evaluation.drift import SequentialTest
from platform_core.errors import ConfigurationError, UpstreamUnavailable
from platform_core.settings import GatewayClientSettings
from platform_core.testing.processes import free_port
from use_cases import use_case


@dataclass
class Receiver:
    """Responds with `status` and records the requests."""

    url: str
    status: int = 204
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            received.paths.append(self.path)
            received.keys.append(self.headers["X-API-Key"])
            received.messages.append(json.loads(body) if body else {})
            self.send_response(received.status)
            self.end_headers()
            if received.status == 200:
                self.wfile.write(b'{"segments": 0, "records": 0}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


def run(world, url: str, **policy: float):
    window = Window(world.clock.now() - timedelta(hours=1), world.clock.now())
    job = world.job(webhook=Webhook(world.store, url, timeout=2), policy=policy)
    (report,) = job.run(window).reports
    return report


def test_drift_is_sent_once(world, records_of, receiver):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1, drift=1.0))
    report = run(world, f"{receiver.url}/hook")
    run(world, f"{receiver.url}/hook")
    (message,) = receiver.messages
    assert receiver.paths == ["/hook"]
    assert message["event"] == "drift"
    assert message["report_id"] == report.report_id
    assert (message["release_id"], message["verdict"]) == (release, "drift")
    assert message["alarms"] == list(report.alarms)
    assert message["retrain_request"] == report.retrain_request
    assert "iris production" in message["text"]


def test_a_revised_verdict_is_sent_again(world, records_of, receiver):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1, drift=1.0))
    run(world, receiver.url, test=SequentialTest(tolerance=0.9))
    run(world, receiver.url)
    assert [message["verdict"] for message in receiver.messages] == ["warning", "drift"]


def test_a_window_without_drift_is_not_sent(world, records_of, receiver):
    world.log(world.release(), records_of(use_case("iris"), 300, 1))
    run(world, receiver.url)
    assert receiver.messages == []


@pytest.mark.parametrize("failure", ["error", "absent"])
def test_a_failed_delivery_keeps_the_report_and_is_repeated(
    world, records_of, receiver, caplog, failure
):
    world.log(world.release(), records_of(use_case("iris"), 300, 1, drift=1.0))
    receiver.status = 500
    url = receiver.url if failure == "error" else f"http://127.0.0.1:{free_port()}"
    report = run(world, url)
    assert report.retrain_request
    assert "was not delivered" in caplog.text
    receiver.status = 200
    receiver.messages.clear()
    run(world, receiver.url)
    assert len(receiver.messages) == 1


def flushing(url: str) -> Flush:
    settings = GatewayClientSettings(gateway_url=url, gateway_api_key="key")
    return gateway_flush(settings, 2)


def test_the_flush_uses_the_admin_endpoint(receiver):
    receiver.status = 200
    flushing(f"{receiver.url}/")()
    assert receiver.paths == ["/admin/inference-log/flush"]
    assert receiver.keys == ["key"]


@pytest.mark.parametrize("failure", ["error", "absent"])
def test_a_failed_flush_is_reported(receiver, failure):
    receiver.status = 403
    url = receiver.url if failure == "error" else f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UpstreamUnavailable, match="did not flush"):
        flushing(url)()


def settings(**changes: object) -> DriftSettings:
    required = {"blob_store_url": "file:///x", "gateway_url": "http://x", "gateway_api_key": "k"}
    required |= {"policy_folder": "/x"}
    return DriftSettings(**required | changes)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "hook", "gopher://x"])
def test_only_http_receivers_are_accepted(url):
    with pytest.raises(ConfigurationError, match="DRIFT_WEBHOOK_URL"):
        settings(drift_webhook_url=url)
