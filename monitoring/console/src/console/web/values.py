"""How values become text: times, ages, numbers, and the tones of states."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from platform_core.contracts.drift_report import RETRAIN_RUN

UNKNOWN = "unknown"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TONES: Mapping[str, str] = {
    # verdicts of drift, quality and comparison
    "ok": "good", "better": "good", "equivalent": "good", "harmless": "good",
    "warning": "warn", "drift": "warn", "worse": "bad", "below-gate": "bad",
    "harmful": "bad", "harm": "bad",
    "undecided": "quiet", "insufficient-data": "quiet", "not-enough": "quiet", "no-report": "quiet",
    # changes and runs
    "applied": "good", "finished": "good", "suggested": "info", "requested": "info",
    "unfinished": "info", "running": "info", "waiting": "info", "unchanged": "quiet",
    "rejected": "quiet", "refused": "warn", "failed": "bad",
    # roles and dependencies
    "stable": "good", "canary": "info", "shadow": "quiet",
    "degraded": "warn", "unavailable": "bad", "no-release": "quiet",
}  # fmt: skip


def parsed(time: datetime | str) -> datetime:
    """Return a time of the API as one with a time zone."""
    found = datetime.fromisoformat(time) if isinstance(time, str) else time
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(time: datetime | str, now: datetime) -> str:
    """Return how long ago a time is, in its largest unit: `12 s ago`, `3 h ago`."""
    passed = now - parsed(time)
    if passed < timedelta(0):
        return f"in {_span(-passed)}"
    return f"{_span(passed)} ago"


def span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    return _span(timedelta(seconds=seconds))


def utc(time: datetime | str) -> str:
    """Return a time in UTC, to the second."""
    return parsed(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(time: datetime | str) -> str:
    """Return a time for the attribute `datetime`."""
    return parsed(time).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def utc_time(given: str) -> str:
    """Return the time of a form, which is in UTC, with its time zone; other text as it is."""
    try:
        return parsed(given).isoformat()
    except ValueError:
        return given  # the gateway says what is wrong


def number(value: Any, digits: int = 3) -> str:
    """Return a number with `digits` significant decimals, `unknown` where there is none."""
    if value is None or isinstance(value, bool):
        return UNKNOWN
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 2):  # noqa: PLR2004
        return f"{int(value):,}"
    if 0 < abs(value) < 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def decimal(value: float | None) -> str:
    """Return a difference with three decimals, so that those of a table can be compared."""
    if value is None:
        return UNKNOWN
    text = f"{abs(value):.3f}"
    return f"\u2212{text}" if value < 0 and float(text) else text


def share(value: float | None) -> str:
    """Return a share from 0 to 1 as a percentage."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def tone(state: str) -> str:
    """Return the colour of a state: good, warn, bad, info or quiet."""
    return TONES.get(str(state), "quiet")


def short(identifier: str | None) -> str:
    """Return the first digits of an id, enough to tell releases apart."""
    return UNKNOWN if not identifier else identifier[:8]


def run_name(run_id: str) -> str:
    """Return the name of a run, that of a retraining with the first digits of its request."""
    if not run_id.startswith(RETRAIN_RUN):
        return run_id
    return f"{RETRAIN_RUN}{run_id.removeprefix(RETRAIN_RUN)[:8]}"


def words(name: str) -> str:
    """Return a name of the API as words: `false_positive_rate` → `false positive rate`."""
    return str(name).replace("_", " ").replace("-", " ")


def _span(passed: timedelta) -> str:
    if passed < MINUTE:
        return f"{int(passed.total_seconds())} s"
    if passed < HOUR:
        return f"{passed // MINUTE} min"
    if passed < 2 * DAY:
        return f"{passed // HOUR} h"
    return f"{passed // DAY} days"
