"""A step as a job of the Ray cluster: `python -m training.steps.ray_job PATH`.

Where the pod of a step is not a node of the cluster, the job drives Ray. It runs in the image of
the nodes, which is built from the same lock, so that the versions of Ray are the same. `PATH` is
where the call of the step lies in blob storage.
"""

import secrets
import sys
import threading
from typing import TypeVar

from platform_core.errors import PlatformError, Refused
from platform_core.ports.job_runner import RunnerState
from training.bootstrap import TrainingServices
from training.progress import show
from training.results import StepResult
from training.runs import read_result
from training.steps.context import StepCall, StepContext
from training.steps.execute import execute

POLL_SECONDS = 2.0
WAITING = (RunnerState.PENDING, RunnerState.RUNNING)
CALL = "call.json"

Result = TypeVar("Result", bound=StepResult)


def run_as_job(context: StepContext, kind: type[Result]) -> Result:
    """Have the cluster run a step; return its result.

    Raises:
        Refused: the step failed; the message is its reason.
        PlatformError: the job ended without one.
    """
    jobs, run = context.services.jobs, context.run
    job_id = f"{run.run_id}-{context.call.step}-{secrets.token_hex(3)}"
    run.forget_failure()
    path = context.write(CALL, context.call.model_dump_json().encode())
    environment = {
        "RAY_STEPS": "driver", "RUN_ID": run.run_id, "REUSE_STEP_RESULTS": "false",
    }  # fmt: skip
    jobs.submit(job_id, f"python -m training.steps.ray_job {path}", environment)
    show(f"Ray job {job_id}")
    pause = threading.Event()
    while (state := jobs.state(job_id)) in WAITING:
        pause.wait(POLL_SECONDS)
    if state is RunnerState.SUCCEEDED:
        return read_result(context.store, context.folder, kind)
    if (failure := run.failure()) is not None:
        raise Refused(failure.message)
    raise PlatformError(f"the Ray job {job_id} ended as {state}; its log is in the Ray dashboard")


def main(path: str) -> None:
    """Run one step here and leave its result with its run."""
    services = TrainingServices()
    execute(StepCall.model_validate_json(services.store.read(path)), services)


if __name__ == "__main__":
    main(*sys.argv[1:])
