"""A separate embedded stack for tests: its settings, and the actions of a user."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.testing.processes import PLAIN_HTTP, free_port

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "config" / "embedded.env"
WITH_A_PORT = re.compile("URL|PORT|ADDRESS|URI")
PORT = re.compile(r"(?<=:)\d{4,5}\b|^\d{4,5}$")
DEADLINE_SECONDS = 600


@dataclass(frozen=True)
class Platform:
    """A running stack: its settings, and the actions of a user."""

    home: Path
    settings: dict[str, str]
    deadline_seconds: float = DEADLINE_SECONDS

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            env={**os.environ, **self.settings}, cwd=self.home,
            capture_output=True, text=True, check=False, timeout=self.deadline_seconds,
        )  # fmt: skip

    def done(self, *command: str) -> str:
        result = self.run(*command)
        said = f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        assert result.returncode == 0, said
        return result.stdout

    def call(
        self, method: str, path: str, body: Any = None, environment: str = "staging", **headers: str
    ) -> httpx.Response:
        given = {"X-API-Key": "test-admin-key", "X-Environment": environment, **headers}
        url = f"{self.settings['GATEWAY_URL']}{path}"
        return httpx.request(method, url, json=body, headers=given, timeout=30, verify=PLAIN_HTTP)

    def answer(self, path: str, body: Any, environment: str = "staging") -> dict[str, Any]:
        response = self.call("POST", path, body, environment)
        assert response.status_code == 200, response.text
        return response.json()

    def serves(self, name: str, environment: str) -> str:
        information = self.call("GET", "/model/info").json()[name][environment]
        return information["release_id"]

    @property
    def store(self) -> LocalBlobStore:
        return LocalBlobStore(self.home / "blob")


@contextmanager
def running(platform: Platform) -> Iterator[Platform]:
    """Start a stack; afterwards stop it and remove its state."""
    platform.done("cli", "up")
    try:
        yield platform
    finally:
        platform.done("cli", "down")
        platform.done("cli", "clean")


def embedded_settings(home: Path) -> dict[str, str]:
    """Return the embedded settings with free ports."""
    command = ["dotenv", "-f", str(CONFIG), "list", "--format", "json"]
    given = {**os.environ, "PLATFORM_HOME": str(home), "PLATFORM_ROOT": str(ROOT)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    listed = subprocess.run(command, env={**given, "PATH": path}, capture_output=True, check=True)
    moved: dict[str, str] = {}

    def move(match: re.Match[str]) -> str:
        if match[0] not in moved:
            moved[match[0]] = str(free_port())
        return moved[match[0]]

    values = {k: v or "" for k, v in json.loads(listed.stdout).items()}
    values = {k: PORT.sub(move, v) if WITH_A_PORT.search(k) else v for k, v in values.items()}
    quick = {
        "CONTROLLER_POLICY_SECONDS": "1",
        "DRIFT_PAGES": "false",
        "REFRESH_SECONDS": "1",
        "SCHEDULER_INTERVAL_SECONDS": "1",
    }
    return {**values, **quick, "PLATFORM_HOME": str(home), "PLATFORM_ROOT": str(ROOT), "PATH": path}


def eventually(check: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Return the first true result of `check`."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.2)
    return value
