"""The requests for one page or path, and how long they take."""

import statistics
import time
from dataclasses import dataclass, field

import httpx

from platform_core.errors import Unavailable

PERCENT_95 = 94


@dataclass
class Requests:
    """The requests for one page: wall milliseconds, and CPU milliseconds of both programs."""

    first: float = 0.0
    wall: list[float] = field(default_factory=list)
    console: list[float] = field(default_factory=list)
    gateway: list[float] = field(default_factory=list)
    kilobytes: float = 0.0

    @property
    def p95(self) -> float:
        """The 95th percentile of the wall time in milliseconds."""
        return statistics.quantiles(self.wall, n=100, method="inclusive")[PERCENT_95]


def timed(browser: httpx.Client, path: str) -> tuple[float, httpx.Response]:
    """Return the milliseconds of a request, and its answer.

    Raises:
        Unavailable: it is an error, or a redirect.
    """
    start = time.perf_counter()
    answer = browser.get(path)
    wall = 1000 * (time.perf_counter() - start)
    if answer.is_error or answer.is_redirect:
        raise Unavailable(f"{answer.status_code} was the answer to {path}")
    return wall, answer
