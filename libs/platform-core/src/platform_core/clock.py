"""Time as a port, so that nothing reads the wall clock behind a test's back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, always in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    time: datetime

    def now(self) -> datetime:
        """Return the time that was last set."""
        return self.time

    def advance(self, by: timedelta) -> None:
        """Move the clock forward by `by`."""
        self.time += by
