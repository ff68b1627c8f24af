"""Measures a window at regular intervals."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from drift_detector.alerts import summary
from drift_detector.job import DriftJob, JobOutcome
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

    In between, the use cases that expect every class are checked at each multiple of the length of
    that check.

    `wait(seconds)` returns `True` to end the loop. An error is logged and does not affect the next
    window; windows that became due during a long measurement are measured afterwards.
    """
    step = job.dominance.length
    window_due, check_due = (next_tick(clock.now(), every) for every in (interval, step))
    _log.info("the drift loop has started", extra={"fields": {"next": window_due.isoformat()}})
    while True:
        due = min(window_due, check_due)
        while (left := due - clock.now()) > timedelta():
            if wait(min(left, LONGEST_WAIT).total_seconds()):
                return
        if due == window_due:  # which includes the check
            window = Window(due - length, due)
            if quality is not None:
                measure_quality_once(quality, window)
            measure_once(job, window)
            window_due += interval
        else:
            check_once(job, due)
        if due == check_due:
            check_due += step


def measure_once(job: DriftJob, window: Window) -> None:
    """Measure one window, revise late ones, and log results and errors."""
    try:
        for outcome in (job.run(window), job.revise()):
            _log_outcome(outcome)
    except Exception:  # the next window must be measured after any error
        _log.exception("the drift job failed", extra={"fields": {"window": str(window)}})


def check_once(job: DriftJob, end: datetime) -> None:
    """Check for a dominant class in the minutes before `end`, and log results and errors."""
    try:
        _log_outcome(job.check_dominance(end))
    except Exception:  # as above
        _log.exception("the check for a dominant class failed")


def _log_outcome(outcome: JobOutcome) -> None:
    for report in outcome.reports:
        _log.info(summary(report))
    for failure in outcome.failures:
        _log.error("a window could not be measured", extra={"fields": {"reason": failure}})


def measure_quality_once(job: QualityJob, window: Window) -> None:
    """Revise late windows, whose labels calibrate this one, measure it, and log the results."""
    try:
        for outcome in (job.revise(), job.run(window)):
            for report in outcome.reports:
                _log.info(quality_summary(report))
    except Exception:  # the next window must be measured after any error
        _log.exception("the quality job failed", extra={"fields": {"window": str(window)}})
