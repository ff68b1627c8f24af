"""The links of a drill, followed one after the other with a time-out each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_core.clock import Clock
from platform_core.contracts.drill_report import LinkResult, LinkStatus
from platform_core.errors import PlatformError, Unavailable

POLL_SECONDS = 0.5
SETUP = "set-up"
"""The link before the alarm: production serves a release that was trained without the drift."""


@dataclass(frozen=True)
class Link:
    """One thing that has to happen automatically.

    `check` returns what happened in words, or `None` as long as it has not. An error that is not
    `Unavailable` fails the link.
    """

    name: str
    check: Callable[[], str | None]


def follow(
    links: Sequence[Link],
    clock: Clock,
    timeout: timedelta,
    pause: Callable[[float], object],
) -> Iterator[LinkResult]:
    """Yield the result of each link; stop after the first link that fails.

    The links after it are reported as not reached. `pause(seconds)` waits between two checks.
    `KeyboardInterrupt` fails the link that is followed.
    """
    broken = False
    for link in links:
        if broken:
            yield LinkResult(link=link.name, status=LinkStatus.NOT_REACHED, seconds=None, detail="")
            continue
        result = _follow(link, clock, timeout, pause)
        broken = result.status is not LinkStatus.WORKED
        yield result


def _follow(
    link: Link, clock: Clock, timeout: timedelta, pause: Callable[[float], object]
) -> LinkResult:
    begin, reason = clock.now(), ""
    try:
        while True:
            try:
                found = link.check()
            except Unavailable as error:  # a server that restarts may be back within the time-out
                found, reason = None, f"; {error}"
            if found is not None:
                return _result(link, LinkStatus.WORKED, clock, begin, found)
            if clock.now() - begin >= timeout:
                text = f"nothing happened within {timeout.total_seconds():g} s{reason}"
                return _result(link, LinkStatus.SILENT, clock, begin, text)
            pause(POLL_SECONDS)
    except PlatformError as error:
        text = str(error)
    except KeyboardInterrupt:
        text = f"the drill was stopped before anything happened{reason}"
    except Exception as error:  # whatever it is, the drill must leave a report that says so
        text = f"{type(error).__name__}: {error}"
    return _result(link, LinkStatus.FAILED, clock, begin, text)


def _result(
    link: Link, status: LinkStatus, clock: Clock, begin: datetime, detail: str
) -> LinkResult:
    seconds = (clock.now() - begin).total_seconds()
    return LinkResult(link=link.name, status=status, seconds=round(seconds, 1), detail=detail)
