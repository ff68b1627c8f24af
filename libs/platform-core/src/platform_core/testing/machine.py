"""What the tests need to know about the machine they run on."""

import os
from collections.abc import Mapping

from platform_core.settings import Settings


class MachineSettings(Settings):
    """`CI=true` turns the skip for a missing server into a failure."""

    ci: bool = False


QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def silence_telemetry() -> None:
    """Keep libraries from reporting to their makers; before they are imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def keep_waiting_threads_idle() -> None:
    """Keep OpenMP's threads from spinning while they wait; before a library loads OpenMP.

    On a busy machine a boosted model would take 20 times the CPU time.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `changes`, for a server it starts."""
    return {**os.environ, **changes}
