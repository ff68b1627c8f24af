"""The pipeline runner of a laptop: KFP's SubprocessRunner, with progress and a log."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from platform_core.errors import PlatformError, Refused
from training.pipeline.parameters import RunParameters
from training.progress import said, say
from training.run_folder import FAILURE, TRAINING, RunFolder
from training.steps.execute import STEPS, timing_file

LOG_LINES_ON_FAILURE = 30


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds of a run: in all, per step, and searching and fitting models alone."""

    steps: dict[str, float]
    fit_seconds: float
    total_seconds: float


def run_local(run: RunFolder, parameters: RunParameters, home: Path) -> Timings:
    """Run the pipeline to its end, showing its progress; leave log and timings below `home`.

    Raises:
        PlatformError: a step failed; the message is the step's reason.
    """
    folder = home / "runs" / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    arguments = folder / "arguments.json"
    arguments.write_text(json.dumps(parameters.arguments(run.use_case, run.run_id), indent=1))
    run.delete(
        FAILURE
    )  # of an earlier try: a retraining that was stopped takes its folder up again
    start = time.perf_counter()
    code = _follow(arguments, folder)
    if code != 0:
        raise _failure(run, folder / "log.txt")
    timings = _timings(run, time.perf_counter() - start)
    (folder / "timings.json").write_text(json.dumps(asdict(timings), indent=1))
    return timings


def _follow(arguments: Path, folder: Path) -> int:
    command = [sys.executable, "-m", "training.pipeline.local_process", arguments, folder]
    with (
        (folder / "log.txt").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            if (text := said(line)) is not None:
                say(text)
        return process.wait()


def _failure(run: RunFolder, log: Path) -> PlatformError:
    if run.has(FAILURE):
        failure = run.read_json(FAILURE)
        return Refused(f"the step {failure['step']} failed: {failure['message']}")
    tail = "".join(log.read_text().splitlines(keepends=True)[-LOG_LINES_ON_FAILURE:])
    return PlatformError(f"{tail}\nthe pipeline failed unexpectedly; the whole log is {log}")


def _timings(run: RunFolder, total: float) -> Timings:
    steps = {n: run.read_json(timing_file(n))["seconds"] for n in STEPS if run.has(timing_file(n))}
    return Timings(steps, run.read_json(TRAINING)["fit_seconds"], total)
