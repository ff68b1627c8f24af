"""Wait until programs are ready, and show progress."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from embedded.program import Program
from embedded.supervision.client import ProgramState, SupervisorClient
from platform_core.errors import Unavailable

POLL_SECONDS = 0.25
REPORT_SECONDS = 10
RESTARTS = 3
"""A program that restarted more often than this during the start has failed."""


class ProgramFailed(Unavailable):
    """A program failed to start; `program` is its name."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(reason)
        self.program = program


def is_ready(program: Program, state: ProgramState) -> bool:
    """Return whether a program is ready, or waits for work."""
    if program.waits():
        return True
    if state.pid == 0:
        return False
    if program.probe is None:
        return state.age_seconds >= program.settle_seconds
    return program.probe.holds()


def ready_programs(
    programs: Sequence[Program], states: Mapping[str, ProgramState]
) -> list[Program]:
    """Return the programs that are ready; their probes run in parallel."""
    with ThreadPoolExecutor(max_workers=max(1, len(programs))) as pool:
        answers = pool.map(lambda program: is_ready(program, states[program.name]), programs)
        return [program for program, ready in zip(programs, answers, strict=True) if ready]


def wait_until_ready(
    programs: Sequence[Program],
    client: SupervisorClient,
    seconds: float,
    say: Callable[[str], None] | None,
) -> float:
    """Wait until every program is ready and return the seconds it took.

    Raises:
        ProgramFailed: a program does not start, keeps exiting, or is not ready in time.
    """
    begin = reported = time.monotonic()
    waiting = {program.name: program for program in programs}
    pids: dict[str, set[int]] = {name: set() for name in waiting}
    while True:
        states = client.states()
        for name in waiting:
            pids[name].add(states[name].pid)
            _check_alive(states[name], len(pids[name] - {0}))
        for program in ready_programs(list(waiting.values()), states):
            del waiting[program.name]
            _report(say, program, time.monotonic() - begin)
        passed = time.monotonic() - begin
        if not waiting:
            return passed
        if passed > seconds:
            first = next(iter(waiting))
            raise ProgramFailed(first, f"{', '.join(waiting)} not ready after {passed:.0f} s")
        if say and time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            say(f"  … {passed:4.0f} s, waiting for {', '.join(waiting)}")
        time.sleep(POLL_SECONDS)


def _check_alive(state: ProgramState, starts: int) -> None:
    if state.given_up:
        raise ProgramFailed(state.name, f"{state.name} failed to start ({state.state})")
    if starts > RESTARTS + 1:
        raise ProgramFailed(state.name, f"{state.name} keeps exiting: {starts} starts")


def _report(say: Callable[[str], None] | None, program: Program, seconds: float) -> None:
    if say:
        state = "waiting" if program.waits() else f"ready after {seconds:5.1f} s"
        say(f"  {program.name:<31} {state:<19}  {program.url}".rstrip())
