"""Find and end the processes of a stack, including those whose parent has died."""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "MLPLATFORM_STACK"
"""The variable that every process of a stack inherits; its value is the home of the stack."""
TERM_SECONDS = 5
KILL_SECONDS = 5


def family(pid: int) -> list[psutil.Process]:
    """Return the process and its descendants; an empty list when it has exited."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def marked(home: Path) -> list[psutil.Process]:
    """Return the processes of the stack at `home`, with or without supervisord."""
    found = [p for p in psutil.process_iter() if p.pid != os.getpid() and mark(p) == str(home)]
    # Ray's workers overwrite their environment; their parents keep it.
    return list({process for root in found for process in family(root.pid)})


def mark(process: psutil.Process) -> str | None:
    """Return the home of the stack that a process belongs to, `None` outside a stack."""
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):  # it has exited, or belongs to another user
        return None


def end(processes: Iterable[psutil.Process]) -> int:
    """End processes with SIGTERM, then SIGKILL, and return how many there were."""
    alive = [process for process in processes if process.is_running()]
    for process in alive:
        _signal(process, force=False)
    _, stubborn = psutil.wait_procs(alive, timeout=TERM_SECONDS)
    for process in stubborn:
        _signal(process, force=True)
    psutil.wait_procs(stubborn, timeout=KILL_SECONDS)
    return len(alive)


def memory_bytes(pid: int) -> int:
    """Return the memory of a process and its descendants, in bytes.

    A page that several processes share counts in equal parts for each of them (PSS), where the
    system tells; elsewhere it counts for each in full (RSS).
    """
    return sum(_memory(process) for process in family(pid))


def _signal(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.rss))
