"""A step as a job of the Ray cluster: `python -m training.steps.ray_job USE_CASE RUN STEP`.

Where a step's own pod is no node of the cluster, the job is what drives Ray. It runs in the image
of the nodes, which is built from the same lock, so that the versions of Ray are the same.
"""

import secrets
import sys
import threading
from typing import Any

from platform_core.errors import PlatformError, Refused
from platform_core.ports.job_runner import RunnerState
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import FAILURE, RunFolder

POLL_SECONDS = 2.0
WAITING = (RunnerState.PENDING, RunnerState.RUNNING)


def run(platform: Platform, run: RunFolder, name: str, arguments: dict[str, Any]) -> Any:
    """Have the cluster run the step called `name`; return what it returned.

    Raises:
        Refused: the step failed; the message is its reason.
        PlatformError: the job ended without one.
    """
    job_id = f"{run.run_id}-{name}-{secrets.token_hex(3)}"
    run.delete(_result(name))
    run.write_json(_arguments(name), arguments)
    command = f"python -m training.steps.ray_job {run.use_case} {run.run_id} {name}"
    platform.jobs.submit(job_id, command, {"RAY_STEPS": "driver"})
    say(f"Ray job {job_id}")
    pause = threading.Event()
    while (state := platform.jobs.state(job_id)) in WAITING:
        pause.wait(POLL_SECONDS)
    if state is RunnerState.SUCCEEDED:
        return run.read_json(_result(name))["value"]
    if run.has(FAILURE):
        raise Refused(run.read_json(FAILURE)["message"])
    raise PlatformError(f"the Ray job {job_id} ended as {state}; its log is in the Ray dashboard")


def main(use_case: str, run_id: str, name: str) -> None:
    """Run one step here and leave its result in the run's folder."""
    from training.steps.execute import execute

    folder = RunFolder(Platform().store, use_case, run_id)
    value = execute(name, use_case, run_id, **folder.read_json(_arguments(name)))
    folder.write_json(_result(name), {"value": value})


def _arguments(name: str) -> str:
    return f"jobs/{name}.arguments.json"


def _result(name: str) -> str:
    return f"jobs/{name}.result.json"


if __name__ == "__main__":
    main(*sys.argv[1:])
