"""Running one step by name: what the body of every pipeline component calls."""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from platform_core.errors import PlatformError
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import FAILURE, RunFolder

# A step imports only its own module: in a process per step, imports are most of the time.
STEPS = (
    "ingest", "validate", "features", "train", "evaluate", "export-onnx", "parity", "baseline",
    "release", "gate", "register", "deploy", "smoke",
)  # fmt: skip


# These compute on Ray, so that what drives them has to be a node of its cluster.
ON_RAY = ("ingest", "validate", "features", "train")


def execute(name: str, use_case: str, run_id: str, **arguments: Any) -> Any:
    """Run the step called `name` and return what it returns.

    Its wall-clock seconds, and the reason if it fails, are kept in the run's folder; a failed
    step ends the process with exit code 1.
    """
    platform = Platform()
    run = RunFolder(platform.store, use_case, run_id)
    start = time.perf_counter()
    say(f"{name} …")
    try:
        if name in ON_RAY and platform.settings.ray_steps == "job":
            return _function("ray_job")(platform, run, name, arguments)
        return _function(name)(platform, run, **arguments)
    except PlatformError as error:
        failure = {"step": name, "code": error.code, "message": str(error)}
        run.write_json(FAILURE, failure)
        sys.exit(f"{name}: {error}")
    finally:
        seconds = time.perf_counter() - start
        run.write_json(timing_file(name), {"seconds": seconds})
        say(f"{name} {seconds:.1f} s")


def timing_file(step: str) -> str:
    """Return where a step's seconds are kept in its run's folder."""
    return f"timings/{step}.json"


def _function(name: str) -> Callable[..., Any]:
    return import_module(f"training.steps.{name.replace('-', '_')}").run
