"""Measures a window at regular intervals."""

import logging
from collections.abc import Callable
from datetime import timedelta

from drift_detector.alerts import summary
from drift_detector.job import DriftJob
from drift_detector.log import LOGGER
from drift_detector.quality.job import QualityJob
from drift_detector.quality.text import quality_summary
from drift_detector.window import Window, next_tick
from platform_core.clock import Clock

LONGEST_WAIT = timedelta(minutes=1)
_log = logging.getLogger(LOGGER)
Wait = Callable[[float], bool]


def run_loop(
    job: DriftJob,
    clock: Clock,
    interval: timedelta,
    length: timedelta,
    wait: Wait,
    quality: QualityJob | None = None,
) -> None:
    """Measure the window of `length` before each multiple of `interval`, then revise late ones:
    first its quality, then its drift.

    `wait(seconds)` returns `True` to end the loop. An error is logged and does not affect the next
    window; windows that became due during a long measurement are measured afterwards.
    """
    due = next_tick(clock.now(), interval)
    _log.info("the drift loop has started", extra={"fields": {"next": due.isoformat()}})
    while True:
        while (left := due - clock.now()) > timedelta():
            if wait(min(left, LONGEST_WAIT).total_seconds()):
                return
        window = Window(due - length, due)
        if quality is not None:
            measure_quality_once(quality, window)
        measure_once(job, window)
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


def measure_quality_once(job: QualityJob, window: Window) -> None:
    """Revise late windows, whose labels calibrate this one, measure it, and log the results."""
    try:
        for outcome in (job.revise(), job.run(window)):
            for report in outcome.reports:
                _log.info(quality_summary(report))
    except Exception:  # the next window must be measured after any error
        _log.exception("the quality job failed", extra={"fields": {"window": str(window)}})
