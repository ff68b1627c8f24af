"""The helpers that start real servers for tests."""

import sys
from pathlib import Path

import psutil
import pytest

from platform_core.testing.processes import (
    answers,
    find_program,
    free_port,
    listens,
    missing,
    running,
    wait_until,
)

CHILD = "import http.server, sys; http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_ends_with_everything_it_started(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", PARENT, CHILD, str(port)]
    with running(command, lambda: listens(port), tmp_path / "server") as process:
        family = psutil.Process(process.pid).children(recursive=True)
        assert family
        assert not answers(port, "/")  # it says that it cannot do that
    assert not listens(port)
    assert not any(member.is_running() for member in family)


def test_shows_the_log_of_a_server_that_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no licence')"]
    with (
        pytest.raises(pytest.fail.Exception, match="no licence"),
        running(command, lambda: False, tmp_path / "server"),
    ):
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip), ("true", pytest.fail)])
def test_missing_program(monkeypatch: pytest.MonkeyPatch, ci: str, outcome: object) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome.Exception, match="no-such-server is not installed; buy it"):
        find_program("no-such-server", how="buy it")
    with pytest.raises(outcome.Exception, match="thing"):
        missing("thing", "get it")


def test_waits_no_longer_than_asked() -> None:
    assert not wait_until(lambda: False, seconds=0)
    assert wait_until(lambda: True, seconds=0)
