"""The server of canaries and shadows: it waits, serves while it is needed, and ends."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from inference_service.standby import wait_for_pointer
from model_server.testing import ServerProcess
from platform_core.storage.model_repository import ServerPool
from platform_core.testing.processes import answers, listens, wait_until
from use_cases import use_case

WAITING_BYTES = 24 << 20
SECONDS = 60


@pytest.fixture
def home(own_stage):
    return replace(own_stage.home, pool=ServerPool.CANDIDATES)


@contextmanager
def candidates(home, **settings):
    """Run the server of candidates, whether it waits or serves."""
    environment, http, grpc = home.environment("INFERENCE", **settings)
    log = home.folder / f"candidates-{http}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "inference_service"],
            env=environment, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        yield ServerProcess(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", process, log)
    finally:
        process.kill()
        process.wait()


def waits(server):
    return "waiting for a pointer in" in server.log.read_text()


def port_of(server):
    return int(server.url.rpartition(":")[2])


def serves(server):
    return answers(port_of(server), "/v2/health/ready")


def test_it_waits_in_little_memory_serves_and_ends_with_its_last_release(home, own_stage):
    batch = use_case("iris").golden_records()
    with candidates(home) as server:
        assert wait_until(lambda: waits(server), 20)
        assert psutil.Process(server.process.pid).memory_info().rss < WAITING_BYTES
        assert not listens(port_of(server))
        names = [home.pin("iris", release.id) for release in own_stage.iris]
        assert wait_until(lambda: serves(server), SECONDS)
        assert [server.serves(name) for name in names] == [r.id for r in own_stage.iris]
        assert server.infer("iris", batch).status_code == 404  # no stable release here

        for name in names:
            assert server.process.poll() is None
            home.pointer(name).unlink()
            assert server.unload(name).status_code == 200

        assert server.process.wait(20) == 0


def test_a_killed_server_comes_back_with_its_releases(home, own_stage):
    name = home.pin("iris", own_stage.iris[0].id)
    for number in (signal.SIGKILL, signal.SIGTERM):
        with candidates(home) as server:
            assert wait_until(lambda server=server: serves(server), SECONDS)
            assert server.serves(name) == own_stage.iris[0].id
            server.process.send_signal(number)
            server.process.wait(20)
    home.pointer(name).unlink()


def test_a_refused_release_keeps_it_up_until_it_is_unloaded(home):
    name = home.pin("iris", "0" * 32)
    with candidates(home) as server:
        assert wait_until(lambda: serves(server), SECONDS)
        assert "no release 0000" in server.get(f"/v2/models/{name}").json()["error"]
        home.pointer(name).unlink()
        assert server.unload(name).status_code == 200
        assert server.process.wait(20) == 0


def test_sigterm_ends_it_while_it_waits(home):
    with candidates(home) as server:
        assert wait_until(lambda: waits(server), 20)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


@pytest.mark.parametrize(
    "change",
    [{"INFERENCE_POOL": "stable"}, {"MODEL_REPOSITORY": ""}, {"SERVING_ENVIRONMENT": "moon"}],
)
def test_a_server_of_stable_releases_or_with_wrong_settings_does_not_wait(tmp_path, change):
    settings = {"INFERENCE_POOL": "candidates", "MODEL_REPOSITORY": str(tmp_path)}
    wait_for_pointer({**settings, "SERVING_ENVIRONMENT": "staging", **change})
