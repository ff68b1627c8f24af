"""Ending a job on request: by its marker, or by the SIGTERM with which Ray stops a job."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None] | signal.Handlers


class JobCancelled(BaseException):
    """Somebody asked the job to stop; what handles errors must not swallow that."""


class Termination:
    """Within its block, SIGTERM raises `JobCancelled` in the main thread, wherever it is."""

    def __init__(self) -> None:
        self._requested = False

    def requested(self) -> bool:
        """Say whether SIGTERM has come.

        What is raised inside a finalizer is lost; who asks from time to time still learns of it.
        """
        return self._requested

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Listen for SIGTERM until the block ends."""
        with _sigterm(self._on_sigterm):
            yield

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._requested:
            self._requested = True
            raise JobCancelled


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore SIGTERM: the output is being put in place, and then the job has succeeded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _sigterm(signal.SIG_IGN):
        yield


@contextmanager
def _sigterm(handler: Handler) -> Iterator[None]:
    previous = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
