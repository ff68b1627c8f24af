"""What a drill does with the command line: train and promote, and measure."""

import subprocess
import sys

from platform_core.errors import Refused

USE_CASE = "drill"
BASE_ROWS = 600


def train_and_promote(seed: int) -> str:
    """Promote a release trained without the drift, end any canary or shadow, and return what was
    done.

    Raises:
        Refused: a step failed.
    """
    rows = ("--rows", str(BASE_ROWS), "--seed", str(seed))
    _run("run-pipeline", "--use-case", USE_CASE, *rows)
    _run("promote", "--use-case", USE_CASE, "--reason", "drill: the release before the drift")
    _run("abort", "--use-case", USE_CASE, "--reason", "drill: end what an earlier drill has left")
    return "a release trained without the drift is in production"


def measure_now() -> None:
    """Measure the window until now, as the drift detector does; raises like `train_and_promote`."""
    _run("drift", "run", "--use-case", USE_CASE, "--environment", "production")


def wait_for_monitor() -> None:
    """Leave the measurement to the drift detector."""


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Refused(f"`mlplatform {' '.join(arguments)}` failed: {reason}")
