"""Talking to supervisord: starting it, asking it, ending it."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from embedded.run_folder import RunFolder
from platform_core.errors import Unavailable

POLL_SECONDS = 0.1
ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class State:
    """What supervisord knows of a program: its state's name, pid (0: none), age in seconds."""

    name: str
    state: str
    pid: int
    age_seconds: float

    @property
    def given_up(self) -> bool:
        """Say whether it will not be started again by itself."""
        return self.state in {"FATAL", "EXITED", "STOPPED", "UNKNOWN"}

    @property
    def stopped(self) -> bool:
        """Say whether there is no process."""
        return self.pid == 0 and self.state not in {"BACKOFF", "STARTING"}


class SupervisorClient:
    """One supervisord, found by its socket."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background with nothing but `environment`.

        Raises:
            Unavailable: it refuses its configuration or does not answer.
        """
        self._run.socket.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", self._run.config.name],
            cwd=self._run.config.parent,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + ANSWER_SECONDS
        while done.returncode == 0 and time.monotonic() < deadline:
            if self.pid() is not None:
                return
            time.sleep(POLL_SECONDS)
        raise Unavailable(
            f"supervisord does not start ({(done.stderr or done.stdout).strip()}); "
            f"see {self._run.log('supervisord')}"
        )

    def pid(self) -> int | None:
        """Return the pid of supervisord, `None` when it does not run."""
        try:
            return int(self._call("getPID"))
        except Unavailable:
            return None

    def states(self) -> dict[str, State]:
        """Return the state of every program by name."""
        return {
            info["name"]: State(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                age_seconds=max(0, info["now"] - info["start"]) if info["pid"] else 0,
            )
            for info in self._call("getAllProcessInfo")
        }

    def start_program(self, name: str) -> None:
        """Start a program that was given up or stopped."""
        self._call("startProcess", name, False)

    def stop_programs(self) -> None:
        """Ask all programs to stop, at the same time, without waiting for them."""
        self._call("stopAllProcesses", False)

    def shutdown(self) -> None:
        """Stop what still runs and end supervisord."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._run.socket}")
        try:
            # The host is never used: the transport goes through the socket.
            proxy = ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException, Fault) as error:
            raise Unavailable(f"supervisord does not do {method!r}: {error}") from error
        finally:
            transport.close()
