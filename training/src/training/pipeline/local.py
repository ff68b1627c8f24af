"""The pipeline runner of a laptop: KFP's SubprocessRunner, with progress and a log."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from training.pipeline.parameters import RunParameters
from training.pipeline.runner import Timings, failure, timings
from training.progress import said, say
from training.run_folder import FAILURE, RunFolder

LOG_LINES_ON_FAILURE = 30


class LocalRunner:
    """Runs the pipeline on this machine; logs and timings are left below `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def run(self, run: RunFolder, parameters: RunParameters) -> Timings:
        """Run the pipeline to its end, showing its progress.

        Raises:
            PlatformError: a step failed; the message is the step's reason.
        """
        folder = self._home / "runs" / run.run_id
        folder.mkdir(parents=True, exist_ok=True)
        arguments = folder / "arguments.json"
        arguments.write_text(json.dumps(parameters.arguments(run.use_case, run.run_id), indent=1))
        # Of an earlier try: a retraining that was stopped takes its folder up again.
        run.delete(FAILURE)
        start = time.perf_counter()
        if _follow(arguments, folder) != 0:
            raise failure(run, _unexpected(folder / "log.txt"))
        taken = timings(run, time.perf_counter() - start)
        (folder / "timings.json").write_text(json.dumps(asdict(taken), indent=1))
        return taken


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


def _unexpected(log: Path) -> str:
    tail = "".join(log.read_text().splitlines(keepends=True)[-LOG_LINES_ON_FAILURE:])
    return f"{tail}\nthe pipeline failed unexpectedly; the whole log is {log}"
