"""How far an ingest is, said every two seconds and at the end."""

from collections.abc import Callable

EVERY_SECONDS = 2.0
MEGABYTE = 1e6

Say = Callable[[str], None]


class Meter:
    """Counts rows and bytes; `timer` gives seconds."""

    def __init__(self, say: Say, timer: Callable[[], float]) -> None:
        self._say, self._timer = say, timer
        self._start = self._last = timer()
        self.rows = self.bytes = 0

    def add(self, rows: int, size: int) -> None:
        """Count; say how far it is when that was last said two seconds ago."""
        self.rows += rows
        self.bytes += size
        now = self._timer()
        if now - self._last >= EVERY_SECONDS:
            self._last = now
            self._say(f"read {self._figures(now - self._start)} …")

    def end(self, rows: int, note: str) -> float:
        """Say the result and return the seconds in all."""
        seconds = self._timer() - self._start
        self.rows = rows
        self._say(f"read {self._figures(seconds)} in {seconds:.1f} s{note}")
        return seconds

    def _figures(self, seconds: float) -> str:
        speed = f", {self.rows / seconds:,.0f} rows/s" if seconds > 0 else ""
        return f"{self.rows:,} rows, {self.bytes / MEGABYTE:,.1f} MB{speed}"
