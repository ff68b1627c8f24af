"""Starting a real server for the tests and ending it with everything it started."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from platform_core.testing.machine import MachineSettings, child_environment

POLL_SECONDS = 0.1
STOP_SECONDS = 2
LOG_LINES = 40
PLAIN_HTTP = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""`verify` of httpx for servers without TLS; by default each client reads all certificates of
authorities, which takes 40 ms.
"""
LOGS: dict[str, Path] = {}
"""The log files of the servers that run now, by name."""


# Below the range that systems assign to outgoing connections and to servers without a fixed port,
# so that a port is not taken before the server that it was chosen for starts. Processes that start
# one after the other, such as those of a test run, begin far from each other.
FIRST_PORT, LAST_PORT, APART = 20_000, 32_000, 997
_port_numbers = count(os.getpid() * APART)


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1 that this process was not given before."""
    span = LAST_PORT - FIRST_PORT
    return next(port for n in _port_numbers if _is_free(port := FIRST_PORT + n % span))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def find_program(name: str, folders: Sequence[Path] = (), how: str = "") -> str:
    """Return the path of a program on PATH or in `folders`; skip (fail in CI) without it."""
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name) or missing(name, how)


def missing(what: str, how: str) -> NoReturn:
    """Skip the test because `what` is not installed; fail it where `CI=true`."""
    reason = f"{what} is not installed; {how}"
    if MachineSettings().ci:
        pytest.fail(reason)
    pytest.skip(reason)


def answers(port: int, path: str) -> bool:
    """Return whether an HTTP server on 127.0.0.1 answers with anything but a server error."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", path)
            with connection.getresponse() as response:
                return response.status < HTTPStatus.INTERNAL_SERVER_ERROR
        except (OSError, HTTPException):
            return False


def listens(port: int) -> bool:
    """Return whether a process accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll `condition` until it holds (`True`) or `seconds` have passed (`False`)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextmanager
def running(
    command: Sequence[str],
    ready: Callable[[], bool],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with `folder` as its home until the block ends.

    The test fails with the end of the server's log when `ready` does not hold in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, log = folder.name, folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=child_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    LOGS[name] = log
    try:
        came = wait_until(lambda: process.poll() is not None or ready(), seconds)
        if process.poll() is not None or not came:
            pytest.fail(f"{name} did not come up in {seconds} s; its log:\n{log_tail(log)}")
        yield process
    finally:
        kill_tree(process)
        LOGS.pop(name, None)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its descendants: asked first, then forced."""
    try:
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        _ignore_gone(member.terminate)
    _, stubborn = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for member in stubborn:
        _ignore_gone(member.kill)
    psutil.wait_procs(stubborn, timeout=STOP_SECONDS)
    process.wait()


def log_tail(log: Path) -> str:
    """Return the last lines of a server's log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _ignore_gone(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
