"""The end of MLflow runs: finished, failed, interrupted, or of a process that died."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platform_core.errors import Conflict, PlatformError
from training.progress import show
from training.tracking.experiment import Experiment

LOCK = "training.lock"


@contextmanager
def training_lock(runs: Path, name: str) -> Iterator[None]:
    """Show other processes of this machine that the run `name` is training.

    The system releases the lock when the process dies, however it dies. There is no lock for
    a run that was started elsewhere: it has no folder in `runs`.

    Raises:
        Conflict: another process trains this run.
    """
    folder = runs / name
    if not folder.is_dir():
        yield
        return
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another process trains the run {name}; wait for it to end") from error
        yield


@contextmanager
def ended(experiment: Experiment, run_id: str) -> Iterator[None]:
    """End an MLflow run as finished, or as failed or killed if an error or a signal ends it."""
    try:
        yield
    except BaseException as error:
        with suppress(PlatformError):  # the first error counts
            experiment.end(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    experiment.end(run_id)


def end_killed_runs(experiment: Experiment, runs: Path, own: str) -> None:
    """Mark as killed the running MLflow runs of `own` and of dead processes of this machine.

    A run of another machine is left alone: nothing here shows whether it still trains.
    """
    for run_id, name in experiment.running().items():
        if name == own or _is_dead(runs / name / LOCK):
            experiment.end(run_id, "KILLED")
            show(f"the MLflow run {name}, whose process had died, is marked as killed")


def _is_dead(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # it is held, or was never there
        return False
    return True
