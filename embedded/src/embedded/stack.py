"""The stack: programs under supervisord that start and stop together."""

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded.logs import tail
from embedded.program import Program
from embedded.stack_folder import StackFolder
from embedded.supervision.client import ProgramState, SupervisorClient
from embedded.supervision.configuration import write_configuration
from embedded.supervision.ports import check_ports
from embedded.supervision.processes import MARK, end, family, marked, memory_bytes
from embedded.supervision.readiness import ProgramFailed, ready_programs, wait_until_ready
from platform_core.errors import Conflict, Refused, Unavailable

FAILURE_LINES = 25
POLL_SECONDS = 0.2
SHUTDOWN_MARGIN_SECONDS = 10


@dataclass(frozen=True)
class ProgramStatus:
    """The status of a program: `state` in words, memory in bytes including its children."""

    name: str
    state: str
    pid: int
    age_seconds: float
    memory_bytes: int
    url: str


@dataclass(frozen=True)
class Stack:
    """Programs that start and stop together; `root` is their working directory.

    They see only `environment` and their own variables; `say` shows progress.
    """

    programs: Sequence[Program]
    run: StackFolder
    root: Path
    environment: Mapping[str, str]
    start_seconds: float
    say: Callable[[str], None]

    def up(self) -> None:
        """Start the programs that are not running and wait until all are ready.

        Raises:
            Conflict: a port is taken, or another command is starting or stopping the stack.
            Unavailable: a program failed to start; a new stack is stopped again.
        """
        with self._exclusive():
            if self._client.pid() is None:
                self._start()
            else:
                self._repair()

    def down(self) -> None:
        """Stop every program, including orphans of a supervisor that died."""
        with self._exclusive():
            if self._client.pid() is None:
                left = end(marked(self.run.home))
                self.say(f"not up; ended {left} leftover processes" if left else "not up")
                return
            self._stop()
            self.say("down")

    def wait(self) -> None:
        """Wait until all programs are ready; `Unavailable` when it takes too long."""
        self._require_up()
        wait_until_ready(self.programs, self._client, self.start_seconds, self.say)

    def status(self) -> list[ProgramStatus]:
        """Return the status of each program; `Unavailable` when the stack is not up."""
        self._require_up()
        states = self._client.states()
        programs = [program for program in self.programs if program.name in states]
        ready = {program.name for program in ready_programs(programs, states)}
        return [_status(p, states[p.name], ready=p.name in ready) for p in programs]

    def clean(self) -> None:
        """Delete the state of a stack that is down."""
        if self._client.pid() is not None or marked(self.run.home):
            raise Refused("the stack is up; run `make down` before `make clean`")
        self.run.delete()
        self.say(f"deleted {self.run.home}")

    @property
    def _client(self) -> SupervisorClient:
        return SupervisorClient(self.run)

    def _start(self) -> None:
        if left := end(marked(self.run.home)):
            self.say(f"ended {left} processes left over from a stack that died")
        check_ports(self.programs)
        self.run.delete_ray_sessions()
        for program in self.programs:
            self.run.log(program.name).unlink(missing_ok=True)
        write_configuration(self.programs, self.run, self.root)
        try:
            self._client.start({**self.environment, MARK: str(self.run.home)})
            seconds = wait_until_ready(self.programs, self._client, self.start_seconds, self.say)
        except BaseException as error:  # an interrupted start (Ctrl-C, too) leaves no processes
            if isinstance(error, ProgramFailed):
                self._show_log(error.program)
            self._stop()
            raise
        self.say(f"up after {seconds:.0f} s; see `make status`, stop with `make down`")

    def _repair(self) -> None:
        states = self._client.states()
        missing = [p.name for p in self.programs if p.name in states and states[p.name].given_up]
        for name in missing:
            self.say(f"restarting {name}, which had exited ({states[name].state})")
            self._client.start_program(name)
        try:
            wait_until_ready(self.programs, self._client, self.start_seconds, None)
        except ProgramFailed as error:
            self._show_log(error.program)
            raise
        self.say("up again" if missing else "already up")

    def _stop(self) -> None:
        pid = self._client.pid()
        processes = family(pid) if pid else []
        if processes:
            self.say("stopping …")
            self._stop_supervisor(processes[0])
        end([*processes, *marked(self.run.home)])

    def _stop_supervisor(self, supervisor: psutil.Process) -> None:
        patience = max(p.stop_seconds for p in self.programs) + SHUTDOWN_MARGIN_SECONDS
        deadline = time.monotonic() + patience
        try:
            while time.monotonic() < deadline:
                # Repeated: supervisord skips a program that has exited and is about to restart.
                self._client.stop_programs()
                if all(state.stopped for state in self._client.states().values()):
                    break
                time.sleep(POLL_SECONDS)
            self._client.shutdown()
        except Unavailable:  # it has exited by itself
            return
        psutil.wait_procs([supervisor], timeout=SHUTDOWN_MARGIN_SECONDS)

    def _show_log(self, program: str) -> None:
        self.say(f"--- last lines of {self.run.log(program)}")
        for line in tail(self.run.log(program), FAILURE_LINES):
            self.say(line)
        self.say("---")

    def _require_up(self) -> None:
        if self._client.pid() is None:
            raise Unavailable("the stack is not up; start it with `make up`")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with (self.run.home / "stack.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"another command is starting or stopping the stack of {self.run.home}; "
                    "wait for it to finish"
                ) from error
            yield


def _status(program: Program, state: ProgramState, *, ready: bool) -> ProgramStatus:
    words = {"FATAL": "failed", "EXITED": "restarting", "BACKOFF": "restarting"}
    word = words.get(state.state, state.state.lower())
    if program.waits() and not state.given_up:
        word = "waiting"
    elif state.pid:
        word = "ready" if ready else "not ready"
    memory = memory_bytes(state.pid) if state.pid else 0
    return ProgramStatus(program.name, word, state.pid, state.age_seconds, memory, program.url)
