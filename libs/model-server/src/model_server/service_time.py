"""How long a release takes for a call, without the time in which other programs had the processor.

On a machine with more runnable threads than processors most of a call's time is waiting, and a
program that is called seldom waits longer. That says nothing of the release.
"""

import os
import time
from threading import local

SCHEDULER_STATISTICS = "/proc/thread-self/schedstat"
"""Nanoseconds on a processor, nanoseconds of waiting for one, and time slices (Linux)."""
_files = local()


class ServiceTime:
    """Begins with a call; `microseconds` ends it. Both run in the same thread."""

    def __init__(self) -> None:
        self._began, self._waited = time.perf_counter(), _waited_seconds()

    def microseconds(self) -> int:
        """Return the time since the beginning, less what this thread waited for a processor.

        Where the system does not tell the waiting, it counts.
        """
        waited = _waited_seconds() - self._waited
        return round(max(0.0, time.perf_counter() - self._began - waited) * 1e6)


def _waited_seconds() -> float:
    """Return how long this thread has waited for a processor in its life, 0 if that is unknown."""
    try:
        if not hasattr(_files, "descriptor"):
            _files.descriptor = os.open(SCHEDULER_STATISTICS, os.O_RDONLY)
        return int(os.pread(_files.descriptor, 100, 0).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
