"""CPU seconds and peak memory of the processes of a batch job."""

import threading
from collections.abc import Iterator

import psutil

INTERVAL_SECONDS = 1.0


class Usage:
    """Measures a process, its children and Ray's processes until the `with` block ends.

    `cpu` in seconds, of all of them; what a process did between the last look and its end is
    missing. `peak` is in bytes above what was there at the start: proportional set size, in which
    pages that several processes share count once.
    """

    def __init__(self, pid: int, ray_address: str) -> None:
        """Measure the process `pid` and the Ray cluster at `ray_address` (`host:port`)."""
        self._roots = [psutil.Process(pid), *_ray_processes(ray_address)]
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
        """Start measuring."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop measuring."""
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
        for root in self._roots:
            try:
                yield from (root, *root.children(recursive=True))
            except psutil.Error:
                continue


def _ray_processes(address: str) -> list[psutil.Process]:
    """Return the GCS server and the raylet, the parent of all workers."""
    port = address.rpartition(":")[2]
    marks = (f"--gcs_server_port={port}", f"--gcs-address={address}")
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        if words[0].endswith(("gcs_server", "raylet")) and set(marks) & set(words):
            found.append(process)
    return found
