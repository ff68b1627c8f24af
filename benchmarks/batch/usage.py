"""What the processes of a batch job take while it runs: CPU seconds, and memory at its peak."""

import threading
from collections.abc import Iterator

import psutil

INTERVAL_SECONDS = 0.5


class Usage:
    """Looks at a process, its children and Ray's processes until the `with` block ends.

    `cpu` in seconds, of all of them; what a process did between the last look and its end is
    missing. `peak` is in bytes above what was there at the start: proportional set size, in which
    pages that several processes share count once.
    """

    def __init__(self, pid: int) -> None:
        self._root = pid
        self._ended = threading.Event()
        self._seen: dict[int, float] = {}
        self._first: dict[int, float] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = self._look()
        self._first = dict(self._seen)
        self.peak = 0

    @property
    def cpu(self) -> float:
        """The CPU seconds since the start."""
        return sum(self._seen.values()) - sum(self._first.values())

    def __enter__(self) -> "Usage":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            self.peak = max(self.peak, self._look() - self._before)

    def _look(self) -> int:
        total = 0
        for process in self._processes():
            try:
                times = process.cpu_times()
                total += process.memory_full_info().pss
            except psutil.Error:
                continue  # it has ended
            self._seen[process.pid] = times.user + times.system
        return total

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if process.pid == self._root or "ray::" in words or "/ray/" in words:
                yield process
