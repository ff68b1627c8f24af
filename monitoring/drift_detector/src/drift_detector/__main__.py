"""`python -m drift_detector`: measure every `DRIFT_INTERVAL_MINUTES` until a signal."""

import sys
from datetime import timedelta
from threading import Event

from drift_detector.bootstrap import build_job
from drift_detector.log import configure_logging
from drift_detector.loop import run_loop
from drift_detector.quality.bootstrap import build_quality_job
from drift_detector.settings import DriftSettings
from platform_core.clock import SystemClock
from platform_core.programs import exit_code, on_termination, refuse_arguments


def main() -> None:
    """Measure windows until SIGTERM or SIGINT."""
    refuse_arguments(__doc__)
    configure_logging()
    settings, clock, stop = DriftSettings(), SystemClock(), Event()
    on_termination(stop.set)
    run_loop(
        build_job(settings, clock),
        clock,
        timedelta(minutes=settings.drift_interval_minutes),
        timedelta(minutes=settings.drift_window_minutes),
        stop.wait,
        build_quality_job(settings, clock),
    )


sys.exit(exit_code(main))
