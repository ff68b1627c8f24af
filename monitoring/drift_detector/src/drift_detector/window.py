"""The time window of a report."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_core.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """Records with `start <= time < end`; both in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Check the window.

        Raises:
            InvalidInput: the end is not after the start.
        """
        if self.end <= self.start:
            raise InvalidInput(
                f"the window from {self.start.isoformat()} to {self.end.isoformat()} is empty; "
                "FROM must be before TO"
            )

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 time and convert it to UTC; without an offset it is UTC.

    Raises:
        InvalidInput: `text` is not ISO 8601.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r:.60} is not a time; write it like 2026-01-31T13:00:00Z"
        ) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def window_between(
    start: datetime | None, end: datetime | None, now: datetime, length: timedelta
) -> Window:
    """Return a window; `end` defaults to now, `start` to `length` before the end."""
    end = end or now
    return Window(start or end - length, end)


def next_tick(now: datetime, interval: timedelta) -> datetime:
    """Return the first multiple of `interval` since midnight 1970 UTC that is after `now`.

    UTC has no summer time, so an interval that divides an hour stays aligned to the hour.
    """
    return EPOCH + ((now - EPOCH) // interval + 1) * interval
