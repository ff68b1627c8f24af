"""Measures a window at regular intervals."""

import logging
from collections.abc import Callable
from datetime import timedelta

from drift_detector.alerts import summary
from drift_detector.job import DriftJob
from drift_detector.log import LOGGER
from drift_detector.window import Window, next_tick
from platform_core.clock import Clock

LONGEST_WAIT = timedelta(minutes=1)
_log = logging.getLogger(LOGGER)
Wait = Callable[[float], bool]


def run_loop(
    job: DriftJob, clock: Clock, interval: timedelta, length: timedelta, wait: Wait
) -> None:
    """Measure the window of `length` before each multiple of `interval`, then revise late ones.

    `wait(seconds)` returns `True` to end the loop. An error is logged and does not affect the next
    window; windows that became due during a long measurement are measured afterwards.
    """
    due = next_tick(clock.now(), interval)
    _log.info("the drift loop has started", extra={"fields": {"next": due.isoformat()}})
    while True:
        while (left := due - clock.now()) > timedelta():
            if wait(min(left, LONGEST_WAIT).total_seconds()):
                return
        measure_once(job, Window(due - length, due))
        due += interval


def measure_once(job: DriftJob, window: Window) -> None:
    """Measure one window, revise late ones, and log results and errors."""
    try:
        for outcome in (job.run(window), job.revise()):
            for report in outcome.reports:
                _log.info(summary(report))
            for failure in outcome.failures:
                _log.error("a window could not be measured", extra={"fields": {"reason": failure}})
    except Exception:  # the next window must be measured after any error
        _log.exception("the drift job failed", extra={"fields": {"window": str(window)}})
