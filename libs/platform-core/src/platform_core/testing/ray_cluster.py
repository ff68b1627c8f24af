"""One Ray head after the other on the same ports, so that a dead one can be replaced."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from platform_core.testing.machine import child_environment
from platform_core.testing.processes import free_port
from platform_core.testing.servers import RayHead, ray_head_in


class RayCluster:
    """Heads in `folder`, whose jobs find `settings` in their environment; ended with `stack`."""

    def __init__(self, folder: Path, settings: Mapping[str, str], stack: ExitStack) -> None:
        self._folder = folder
        self._ports = free_port(), free_port()
        self._stack = stack
        address, dashboard = (f"127.0.0.1:{port}" for port in self._ports)
        path = child_environment({})["PATH"]
        self._settings = {
            **settings,
            "RAY_ADDRESS": address,
            "RAY_DASHBOARD_URL": f"http://{dashboard}",
            "PATH": f"{Path(sys.executable).parent}:{path}",
        }

    @property
    def client_settings(self) -> dict[str, str]:
        """The settings of a program that submits jobs to it."""
        names = ("RAY_ADDRESS", "RAY_DASHBOARD_URL")
        token = {"RAY_AUTH_TOKEN_PATH": str(self._folder / "token")}
        return {name: self._settings[name] for name in names} | token

    def start(self) -> RayHead:
        """Start a head and wait until it answers."""
        return self._stack.enter_context(ray_head_in(self._folder, *self._ports, self._settings))

    def kill(self, head: RayHead) -> list[psutil.Process]:
        """Kill what makes the head; return what runs on and has to notice by itself."""
        root = psutil.Process(head.process.pid)
        family = [root, *root.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):  # a worker may exit at any time
                if process.name() in {"ray", "raylet", "gcs_server"}:
                    process.kill()
            self._stack.callback(kill, process)
        head.process.wait()
        return psutil.wait_procs(family, timeout=1)[1]


def command_line(process: psutil.Process) -> str:
    """Return the command line of a process, empty if it has exited."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def workers(head: RayHead, task: str) -> Iterator[psutil.Process]:
    """Yield the processes of this very cluster that run the task of this name."""
    for process in psutil.Process(head.process.pid).children(recursive=True):
        if f"ray::{task}" in command_line(process):
            yield process


def kill(process: psutil.Process) -> None:
    """Kill a process, unless it has exited."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
