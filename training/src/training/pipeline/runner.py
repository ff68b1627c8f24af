"""Running the pipeline: the port, and what both ways to run it have in common."""

from dataclasses import dataclass
from typing import Protocol

from platform_core.errors import PlatformError, Refused
from training.pipeline.parameters import RunParameters
from training.run_folder import FAILURE, TRAINING, RunFolder
from training.steps.execute import STEPS, timing_file


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds of a run: in all, per step, and searching and fitting models alone."""

    steps: dict[str, float]
    fit_seconds: float
    total_seconds: float


class PipelineRunner(Protocol):
    """Runs the pipeline to its end."""

    def run(self, run: RunFolder, parameters: RunParameters) -> Timings:
        """Run it, showing its progress; the same run again is taken up where it is.

        Raises:
            PlatformError: a step failed; the message is the step's reason.
        """
        ...


def failure(run: RunFolder, unexpected: str) -> PlatformError:
    """Return the reason a step gave, or `unexpected` when none did."""
    if run.has(FAILURE):
        reason = run.read_json(FAILURE)
        return Refused(f"the step {reason['step']} failed: {reason['message']}")
    return PlatformError(unexpected)


def timings(run: RunFolder, total: float) -> Timings:
    """Return what the steps of a run took."""
    steps = {n: run.read_json(timing_file(n))["seconds"] for n in STEPS if run.has(timing_file(n))}
    return Timings(steps, run.read_json(TRAINING)["fit_seconds"], total)
