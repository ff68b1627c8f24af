"""What ends a run before its work is done. Error handlers must not swallow these exceptions."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class JobCancelled(BaseException):
    """The job is to end, because its cancellation was requested."""


class Interrupted(BaseException):
    """This process is to end, but not the job."""


class Superseded(BaseException):
    """Another process has taken the job over."""


class Termination:
    """Remembers SIGTERM.

    It raises nothing by itself: an exception in the middle of a library call, or while the output
    is uploaded, would leave an inconsistent state. The job asks between its steps.
    """

    def __init__(self) -> None:
        self._requested = False

    def requested(self) -> bool:
        """Return whether SIGTERM was received."""
        return self._requested

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle SIGTERM until the block ends."""
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._requested = True
