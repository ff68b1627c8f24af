"""The program: exit codes, readiness, and how little memory it takes."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from platform_core.testing.processes import answers, free_port, running

MAX_IDLE_BYTES = 120_000_000
COMMAND = (sys.executable, "-m", "console")


def settings(port: int, **more: str) -> dict[str, str]:
    given = {"GATEWAY_URL": "http://127.0.0.1:9", "CONSOLE_PORT": str(port)}
    return given | {"CONSOLE_GENERATE_SECRET": "true"} | more


def test_it_runs_without_a_gateway_in_little_memory_and_ends_with_0(tmp_path):
    port = free_port()
    folder = tmp_path / "console"
    with running(COMMAND, lambda: answers(port, "/health/live"), folder, settings(port)) as process:
        assert psutil.Process(process.pid).memory_info().rss < MAX_IDLE_BYTES
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"CONSOLE_GENERATE_SECRET": "false"}, "CONSOLE_SECRET is missing"),
        ({"CONSOLE_SECRET": "short"}, "CONSOLE_SECRET has 5 characters"),
        ({"CONSOLE_PORT": "70000"}, "CONSOLE_PORT"),
        ({"GATEWAY_URL": ""}, "GATEWAY_URL"),
    ],
)
def test_wrong_settings_end_it_with_2_and_the_reason(given, says):
    environment = {"PATH": os.environ["PATH"], **settings(0), **given}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "short" not in done.stderr
