"""The composition root of the drill."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from cli.drill.loop import DrillLoop
from cli.drill.settings import DrillSettings
from cli.drill.traffic import DrillTraffic
from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.errors import Refused
from use_cases import use_case

USE_CASE = "drill"
BASE_ROWS = 600


@contextmanager
def open_loop(rows: int, measure: bool) -> Iterator[DrillLoop]:
    """Return the loop that the settings describe; `rows` are sent at the start."""
    settings, clock = DrillSettings(), SystemClock()
    key, seed = settings.gateway_api_key.get_secret_value(), _seed(clock.now())
    traffic = DrillTraffic(use_case(USE_CASE), settings.gateway_url, key, seed)
    store = connect.blob_store(settings)
    try:
        measured = measure_now if measure else _nothing
        yield DrillLoop(USE_CASE, store, clock, traffic, rows, measured)
    finally:
        traffic.close()


def train_and_promote() -> None:
    """Have production serve a release that knows nothing of the drift.

    Raises:
        Refused: a step failed.
    """
    seed = str(_seed(SystemClock().now()))
    _run("run-pipeline", "--use-case", USE_CASE, "--rows", str(BASE_ROWS), "--seed", seed)
    _run("promote", "--use-case", USE_CASE, "--reason", "drill: the release before the drift")


def measure_now() -> None:
    """Measure the window until now, as the monitor does; raises like `train_and_promote`."""
    _run("drift", "run", "--use-case", USE_CASE, "--environment", "production")


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Refused(f"`mlplatform {' '.join(arguments)}` failed: {reason}")


def _seed(now: datetime) -> int:
    """Return a seed that no other drill has, so that its records and release are new."""
    return int(now.timestamp())


def _nothing() -> None:
    """Wait for the monitor."""
