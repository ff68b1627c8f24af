"""Ending a run on request: of the whole job by its marker, of this process by SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class JobCancelled(BaseException):
    """Somebody asked the job to stop; what handles errors must not swallow that."""


class Interrupted(BaseException):
    """This process has to end, the job does not; what handles errors must not swallow that."""


class Termination:
    """Remembers SIGTERM.

    It raises nothing by itself: an exception in the middle of a library's call, or of putting
    the output in place, would leave a mess. The job asks between its steps.
    """

    def __init__(self) -> None:
        self._requested = False

    def requested(self) -> bool:
        """Say whether SIGTERM has come."""
        return self._requested

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Listen for SIGTERM until the block ends."""
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._requested = True
