"""A client of supervisord: start it, query it, stop it."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from embedded.stack_folder import StackFolder
from platform_core.errors import Unavailable

POLL_SECONDS = 0.1
ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class ProgramState:
    """A program's state in supervisord: state name, pid (0: none), age in seconds."""

    name: str
    state: str
    pid: int
    age_seconds: float

    @property
    def given_up(self) -> bool:
        """Whether supervisord will not restart the program by itself."""
        return self.state in {"FATAL", "STOPPED", "UNKNOWN"}

    @property
    def stopped(self) -> bool:
        """Whether the program has no process."""
        return self.pid == 0 and self.state not in {"BACKOFF", "STARTING"}


class SupervisorClient:
    """A client of the supervisord that listens on the socket of a stack folder."""

    def __init__(self, run: StackFolder) -> None:
        self._run = run

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background with `environment` as its only variables.

        Raises:
            Unavailable: it rejects its configuration or does not answer.
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
            f"supervisord did not start ({(done.stderr or done.stdout).strip()}); "
            f"see {self._run.log('supervisord')}"
        )

    def pid(self) -> int | None:
        """Return the pid of supervisord, `None` when it does not run."""
        try:
            return int(self._call("getPID"))
        except Unavailable:
            return None

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program by name."""
        return {
            info["name"]: ProgramState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                age_seconds=max(0, info["now"] - info["start"]) if info["pid"] else 0,
            )
            for info in self._call("getAllProcessInfo")
        }

    def start_program(self, name: str) -> None:
        """Start a program that is stopped or that supervisord gave up on."""
        self._call("startProcess", name, False)

    def stop_programs(self) -> None:
        """Stop all programs in parallel, without waiting."""
        self._call("stopAllProcesses", False)

    def shutdown(self) -> None:
        """Stop the remaining programs and supervisord."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._run.socket}")
        try:
            # The host is not used: the transport connects to the socket.
            proxy = ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException, Fault) as error:
            raise Unavailable(f"supervisord failed to run {method!r}: {error}") from error
        finally:
            transport.close()
