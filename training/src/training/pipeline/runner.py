"""Running the pipeline: the port, and what both ways to run it have in common."""

from dataclasses import dataclass
from typing import Protocol

from platform_core.errors import (
    DataUnchanged,
    ModelNotReady,
    PlatformError,
    Refused,
    Unavailable,
    UpstreamUnavailable,
)
from training.parameters import RunRequest
from training.results import ReleaseResult, TrainResult
from training.runs import RunRecords
from training.steps import STEPS

# What a caller tells apart from other failures of a step.
_KINDS = {
    kind.code: kind for kind in (DataUnchanged, Unavailable, UpstreamUnavailable, ModelNotReady)
}


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds of a run: in all, per step, and searching and fitting models alone."""

    steps: dict[str, float]
    fit_seconds: float
    total_seconds: float


@dataclass(frozen=True)
class EndedRun:
    """A run that succeeded: its records and how long it took."""

    records: RunRecords
    timings: Timings


class PipelineRunner(Protocol):
    """Runs the pipeline to its end."""

    def run(self, name: str, request: RunRequest) -> EndedRun:
        """Run it, showing its progress; a run of the same name is continued or followed.

        Raises:
            PlatformError: a step failed; the message is the step's reason.
        """
        ...


def failure(run: RunRecords, unexpected: str) -> PlatformError:
    """Return the reason a step gave, or `unexpected` when none did."""
    reason = run.failure()
    if reason is None:
        return PlatformError(unexpected)
    text = f"the step {reason.step} failed: {reason.message}"
    if reason.step == "stage":
        release = run.result("release", ReleaseResult).release_id
        text = (
            f"{text}; the release passed its gates: when the cause is removed, serve it in staging "
            f"with `mlplatform release stage {release:.12} --use-case {run.use_case}`"
        )
    return _KINDS.get(reason.code, Refused)(text)


def ended(run: RunRecords, seconds: float) -> EndedRun:
    """Return a run that succeeded and took `seconds`."""
    records = {step: run.finished(step) for step in STEPS}
    steps = {step: record.seconds for step, record in records.items() if record}
    return EndedRun(run, Timings(steps, run.result("train", TrainResult).fit_seconds, seconds))
