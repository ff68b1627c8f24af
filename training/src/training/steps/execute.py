"""Running one step by name: what the body of every pipeline component calls.

A step imports only its own module: with a process per step, imports are most of the time.
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, get_type_hints

from platform_core.errors import ConfigurationError, PlatformError
from platform_core.hashing import sha256_bytes, sha256_json
from training.bootstrap import TrainingServices
from training.progress import show
from training.results import StepResult
from training.runs import (
    RESULT,
    RunRecords,
    StepFailure,
    StepRecord,
    read_result,
    write_result,
)
from training.steps import ON_RAY, OUTSIDE
from training.steps.context import StepCall, StepContext


def execute(call: StepCall, services: TrainingServices) -> tuple[str, StepResult]:
    """Run a step, or find the result it had before; return the folder of its files and the result.

    The seconds it took, or the reason of its failure, are recorded with the run. A failed step
    ends the process with exit code 1.

    Raises:
        ConfigurationError: the run is not named.
    """
    run_id = services.settings.run_id
    if not run_id:
        raise ConfigurationError("RUN_ID is not set: a step belongs to a run of the pipeline")
    run = RunRecords(services.store, call.use_case, run_id)
    key = _key(call, services, run_id)
    if services.settings.reuse_step_results and (record := run.reusable(call.step, key)):
        show(f"{call.step} finished before: {services.store.uri(record.folder)}")
        run.finish(record, shared=False)
        kind = get_type_hints(_function(call.step))["return"]
        return record.folder, read_result(services.store, record.folder, kind)
    return _run(StepContext(services, run, call), key)


def _run(context: StepContext, key: str) -> tuple[str, StepResult]:
    step, run = context.call.step, context.run
    start = time.perf_counter()
    show(f"{step} …")
    try:
        result = _result(context)
    except PlatformError as error:
        run.fail(StepFailure(step=step, code=error.code, message=str(error)))
        sys.exit(f"{step}: {error}")
    finally:
        seconds = time.perf_counter() - start
        show(f"{step} {seconds:.1f} s")
    write_result(context.store, context.folder, result)
    record = StepRecord(step=step, key=key, folder=context.folder, seconds=seconds)
    run.finish(record, shared=step not in OUTSIDE)
    return context.folder, result


def _result(context: StepContext) -> StepResult:
    step = context.call.step
    function = _function(step)
    kinds = get_type_hints(function)
    if step in ON_RAY and context.services.settings.ray_steps == "job":
        from training.steps.ray_job import run_as_job

        done: StepResult = run_as_job(context, kinds["return"])
        return done
    inputs = {
        name: read_result(context.store, folder, kinds[name])
        for name, folder in context.call.inputs.items()
    }
    return function(context, **inputs)


def _function(step: str) -> Callable[..., StepResult]:
    run: Callable[..., StepResult] = import_module(f"training.steps.{step.replace('-', '_')}").run
    return run


def _key(call: StepCall, services: TrainingServices, run_id: str) -> str:
    """Return what identifies the call: the same key promises the same result."""
    read = services.store.read
    inputs = {n: sha256_bytes(read(f"{folder}/{RESULT}")) for n, folder in call.inputs.items()}
    content: dict[str, Any] = {
        **call.model_dump(mode="json"),
        "inputs": inputs,
        "image": services.settings.training_image,
        "run": run_id if call.step in OUTSIDE else "",
    }
    return sha256_json(content)
