"""Servers and load generator on separate cores, and their cost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from platform_core.errors import Unavailable
from platform_core.testing.machine import child_environment
from serving.target import Load, Outcome

BENCHMARKS = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
LOAD_CORE = CORES[0] if CORES else 0
SERVER_CORES = set(CORES[1:2] or CORES)
MICROSECONDS = 1e6
CPUCLOCK_SCHED = 2  # Linux: a process id and this make the id of the process's clock


class LoadGenerator:
    """A client of the load generator process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def perform(self, load: Load) -> Outcome:
        """Return the outcome of a load."""
        self._connection.send(load)
        return self._connection.recv()


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    """Run the load generator on its core until the block ends."""
    ours, its = Pipe()
    number = its.fileno()
    command = [sys.executable, "-m", "serving.load_generator", str(LOAD_CORE), str(number)]
    process = subprocess.Popen(command, cwd=BENCHMARKS, pass_fds=(number,))
    its.close()
    try:
        yield LoadGenerator(ours)
    finally:
        ours.close()
        process.terminate()
        process.wait()


def family(root: int) -> list[psutil.Process]:
    """Return a process and all its descendants; empty if it has ended."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pin(roots: Iterable[int]) -> None:
    """Pin every thread of these process trees to the servers' core."""
    for root in roots:
        for process in family(root):
            with suppress(psutil.Error, OSError, AttributeError):
                for thread in process.threads():
                    os.sched_setaffinity(thread.id, SERVER_CORES)


def cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds, user and system, of each process tree up to now."""
    return {name: sum(map(_cpu, family(root))) for name, root in roots.items()}


def memory(root: int) -> tuple[float, float]:
    """Return the proportional and resident memory of a process tree, in MiB."""
    infos = [process.memory_full_info() for process in family(root)]
    return sum(i.pss for i in infos) / (1 << 20), sum(i.rss for i in infos) / (1 << 20)


def run_pinned(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the output of a program that runs on the servers' core.

    Raises:
        Unavailable: it failed.
    """
    before = os.sched_getaffinity(0) if CORES else None
    try:
        if before:
            os.sched_setaffinity(0, SERVER_CORES)
        done = subprocess.run(
            command, env=child_environment(environment), capture_output=True, text=True, check=False
        )
    finally:
        if before:
            os.sched_setaffinity(0, before)
    if done.returncode:
        raise Unavailable(f"{command[1]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def _cpu(process: psutil.Process) -> float:
    """Return user and system seconds, to the nanosecond where the system has a clock for it."""
    with suppress(OSError, AttributeError, psutil.NoSuchProcess):
        children = process.cpu_times()
        own = time.clock_gettime(((~process.pid) << 3) | CPUCLOCK_SCHED)
        return own + children.children_user + children.children_system
    with suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:4])
    return 0.0
