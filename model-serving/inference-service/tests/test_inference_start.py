"""Starting, dying and ending."""

import json
import signal
import socket
from dataclasses import dataclass

import httpx
import pytest

from inference_service.bootstrap import build
from model_server.grpc_server import start_grpc
from model_server.rest_server import RestServer
from model_server.testing import ServerHome, ServerProcess
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.errors import ConfigurationError
from platform_core.open_inference import tensors_from_batch
from platform_core.programs import exit_code
from platform_core.storage import release_path
from platform_core.testing.processes import listens, wait_until


@dataclass(frozen=True)
class Lives:
    """What the first server answered until it was killed, and the second one."""

    first: dict[str, httpx.Response]
    log: str
    second: ServerProcess


@pytest.fixture(scope="module")
def lives(own_stage, records):
    """A server that found one release damaged and one missing, was told of the repair, and died."""
    home, iris = own_stage.home, own_stage.iris[1]
    graph = f"{release_path('iris', iris.id)}/model/iris/1/model.onnx"
    good = home.store.read(graph)
    home.store.write(graph, good[::-1])
    home.point("iris", iris.id)
    home.point("fraud", "0" * 32)
    with home.serve("inference_service", "INFERENCE") as server:
        first = {
            "spam": server.infer("spam", records("spam", 1)),
            "iris": server.infer("iris", records("iris", 1)),
            "iris metadata": server.get("/v2/models/iris"),
            "iris ready": server.get("/v2/models/iris/ready"),
            "fraud": server.get("/v2/models/fraud"),
        }
        home.store.write(graph, good)
        first["load"] = server.load("iris")
        first["repaired"] = server.infer("iris", records("iris", 3), id="same")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        log = server.log.read_text()
    with home.serve("inference_service", "INFERENCE") as server:
        yield Lives(first, log, server)


def test_a_release_that_is_refused_leaves_the_others_serving(lives):
    assert lives.first["spam"].status_code == 200


def test_what_was_refused_says_why(lives):
    for answer in ("iris", "iris metadata", "iris ready"):
        assert lives.first[answer].status_code == 503
        assert "does not hash" in lives.first[answer].json()["error"]
    assert lives.first["iris"].headers["Retry-After"]
    assert lives.first["fraud"].status_code == 503
    assert "no use case 'fraud'" in lives.first["fraud"].json()["error"]
    assert "iris is not served" in lives.log


def test_a_repaired_release_is_loaded_without_a_restart(lives):
    assert lives.first["load"].status_code == 200
    assert lives.first["repaired"].status_code == 200


def test_a_killed_server_comes_back_with_what_was_deployed_last(lives, own_stage, records):
    assert lives.second.serves("iris") == own_stage.iris[1].id
    assert lives.second.serves("spam") == own_stage.spam.id
    again = lives.second.infer("iris", records("iris", 3), id="same")
    assert again.content == lives.first["repaired"].content


def test_sigterm_lets_the_request_in_flight_finish(lives, own_stage, records):
    """Runs last in this file: the server is gone afterwards."""
    port = int(lives.second.url.rpartition(":")[2])
    body = json.dumps({"inputs": tensors_from_batch(records("iris", 2))}).encode()
    head = (
        "POST /v2/models/iris/infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert b"100 Continue" in connection.recv(1000)
        lives.second.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: not listens(port), 20)
        connection.sendall(body)
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 200")
    assert own_stage.iris[1].id.encode() in answer
    assert lives.second.process.wait(20) == 0


@pytest.mark.parametrize(
    ("settings", "code", "reason"),
    [
        ({"SERVING_ENVIRONMENT": "moon"}, 2, "SERVING_ENVIRONMENT"),
        ({"TRANSFORMER": "sometimes"}, 2, "TRANSFORMER"),
        ({"INFERENCE_HTTP_PORT": "0"}, 2, "INFERENCE_HTTP_PORT"),
        ({"FEAST_REPOSITORY": ""}, 2, "FEAST_REPOSITORY"),
        ({"BLOB_STORE_URL": "ftp://somewhere"}, 2, "BLOB_STORE_URL"),
    ],
)
def test_wrong_settings_end_it_with_a_reason(
    own_stage, monkeypatch, capsys, settings, code, reason
):
    environment, _, _ = own_stage.home.environment("INFERENCE", **settings)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert exit_code(lambda: build().run()) == code

    assert reason in capsys.readouterr().err


def test_a_pod_with_a_refused_release_ends_with_the_reason(tmp_path, monkeypatch, capsys):
    home = ServerHome(tmp_path, LocalBlobStore(tmp_path / "blob"))
    home.point("iris", "0" * 32)
    environment, _, _ = home.environment("INFERENCE", INFERENCE_REFUSED_AT_START="exit")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert exit_code(lambda: build().run()) == 1

    assert "0" * 32 in capsys.readouterr().err.strip().splitlines()[-1]


async def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=rf"REST cannot listen on .*{port}"):
            RestServer("none:app", None, None, port).bind("127.0.0.1")
        with pytest.raises(ConfigurationError, match=rf"gRPC cannot listen on 127.0.0.1:{port}"):
            await start_grpc(f"127.0.0.1:{port}", None, None)
