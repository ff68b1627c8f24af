"""The pipeline runner of a laptop: KFP's SubprocessRunner, with progress and a log."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from platform_core.errors import NotFound
from platform_core.ports.blob_store import BlobStore
from training.parameters import RunRequest
from training.pipeline.runner import EndedRun, ended, failure
from training.progress import show, shown_text
from training.runs import RunRecords
from training.settings import step_environment

LOG_LINES_ON_FAILURE = 30
ARGUMENTS, LOG, TIMINGS = "arguments.json", "log.txt", "timings.json"


class LocalRunner:
    """Runs the pipeline on this machine; arguments, log and timings are kept below `home`."""

    def __init__(self, home: Path, store: BlobStore) -> None:
        self._runs = home / "runs"
        self._store = store

    def run(self, name: str, request: RunRequest) -> EndedRun:
        """Run the pipeline to its end, showing its progress.

        A run of this name that broke off is continued: its finished steps are not repeated.

        Raises:
            PlatformError: a step failed; the message is the step's reason.
        """
        folder = self._runs / name
        broke_off = (folder / ARGUMENTS).exists()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ARGUMENTS).write_text(json.dumps(request.arguments(), indent=1))
        records = RunRecords(self._store, request.use_case, name)
        records.forget_failure()
        start = time.perf_counter()
        if _follow(folder, broke_off) != 0:
            raise failure(records, _unexpected(folder / LOG))
        run = ended(records, time.perf_counter() - start)
        (folder / TIMINGS).write_text(json.dumps(asdict(run.timings), indent=1))
        return run

    def resume(self, name: str) -> EndedRun:
        """Continue a run that broke off, with the arguments it was started with.

        Raises:
            NotFound: no run of this name was started on this machine.
            PlatformError: a step failed; the message is the step's reason.
        """
        path = self._runs / name / ARGUMENTS
        try:
            request = RunRequest.model_validate_json(path.read_text())
        except (OSError, ValidationError) as error:
            known = sorted(file.parent.name for file in self._runs.glob(f"*/{ARGUMENTS}"))[-5:]
            raise NotFound(
                f"there is no run {name!r} on this machine; the newest are "
                f"{', '.join(known) or 'none'}"
            ) from error
        return self.run(name, request)


def _follow(folder: Path, broke_off: bool) -> int:
    command = [sys.executable, "-m", "training.pipeline.local_process", str(folder)]
    with (
        (folder / LOG).open("a" if broke_off else "w") as log,
        subprocess.Popen(
            command,
            env=step_environment(run_id=folder.name, reuse_step_results=broke_off),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        ) as process,  # fmt: skip
    ):
        for line in process.stdout or ():
            log.write(line)
            if (text := shown_text(line)) is not None:
                show(text)
        return process.wait()


def _unexpected(log: Path) -> str:
    tail = "".join(log.read_text().splitlines(keepends=True)[-LOG_LINES_ON_FAILURE:])
    return f"{tail}\nthe pipeline failed unexpectedly; the whole log is {log}"
