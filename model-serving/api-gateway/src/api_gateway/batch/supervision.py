"""Batch jobs whose run died are run again: as often as is allowed, and never twice at a time.

A run is an attempt (`platform_core.batch_jobs`), one job of the runner. An attempt that the runner
does not know and that no process has begun is handed to the runner again under its name; one that
ended without the job's end is followed by the next. Any number of gateways may look after the same
jobs: each step is the creation of an object, which only one of them brings about.
"""

import asyncio
import logging

from platform_core.batch_jobs import Attempts, clear_work, output_summary, read_progress
from platform_core.clock import Clock
from platform_core.contracts.batch_job import BatchAttempt, BatchJob, BatchProgress, JobStatus
from platform_core.errors import BlobNotFound, PlatformError, Unavailable
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner, RunnerState
from platform_core.storage import (
    OPEN_JOBS,
    cancel_path,
    job_path,
    open_path,
    parse_open_job,
    progress_path,
)

COMMAND = "python -m batch_inference {job_id} --attempt {number}"
NO_WORD = "its process ended without a word"

logger = logging.getLogger(__name__)


class Supervision:
    """Starts, follows and ends the runs of jobs; its methods wait for the store and the runner."""

    def __init__(
        self, store: BlobStore, runner: JobRunner, clock: Clock, max_attempts: int
    ) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._max_attempts = max_attempts

    def start(self, job: BatchJob) -> None:
        """Run a job for the first time; when that fails nothing of this is left behind."""
        first = BatchAttempt(number=1, opened_at=self._clock.now())
        Attempts(self._store, job.job_id).open(first)
        try:
            self._store.create(open_path(job.job_id), b"")
            self._submit(job, first)
        except PlatformError:
            self._store.delete(open_path(job.job_id))
            Attempts(self._store, job.job_id).forget()
            raise

    def progress(self, job: BatchJob) -> BatchProgress:
        """Return how far a job is; when its run died, see to the next or to the end of the job."""
        written = read_progress(self._store, job.job_id)
        if written.status.final:
            return written
        newest = Attempts(self._store, job.job_id).newest()
        if newest is not None and newest.ends is not None:
            return self._write_end(job, newest)
        try:
            state = RunnerState.UNKNOWN
            if newest is not None:
                state = self._runner.state(_run_id(job, newest))
        except Unavailable:
            return written
        if state is RunnerState.PENDING:
            return written
        if state is RunnerState.RUNNING:
            return written.model_copy(update={"status": JobStatus.RUNNING})
        return self._after_run(job, newest, state)

    def stop(self, job: BatchJob) -> None:
        """Ask the run of a job to end, where it can be reached."""
        newest = Attempts(self._store, job.job_id).newest()
        try:
            if newest is not None:
                self._runner.stop(_run_id(job, newest))
        except Unavailable:
            return  # the job sees its marker by itself

    def look(self) -> None:
        """Look after every job whose end is not known yet."""
        for blob in self._store.list(OPEN_JOBS):
            job_id = parse_open_job(blob.path)
            try:
                self._look_at(job_id)
            except PlatformError as error:
                logger.warning("batch job %s was not looked after: %s", job_id, error)

    async def keep_looking(self, seconds: float) -> None:
        """Look at once, and then every `seconds`, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception:  # the task must outlive whatever happens
                logger.exception("batch jobs were not looked after")
            await asyncio.sleep(seconds)

    def _look_at(self, job_id: str) -> None:
        try:
            job = BatchJob.model_validate_json(self._store.read(job_path(job_id)))
        except BlobNotFound:  # somebody has deleted the job
            ended = True
        else:
            ended = self.progress(job).status.final
        if ended:
            self._store.delete(open_path(job_id))

    def _after_run(
        self, job: BatchJob, newest: BatchAttempt | None, state: RunnerState
    ) -> BatchProgress:
        """Decide how a job goes on whose newest run the runner does not run (any more)."""
        # Its last words may have been written since we looked.
        written = read_progress(self._store, job.job_id)
        if written.status.final:
            return written
        number = 1 if newest is None else newest.number + 1
        if self._has_output(job):
            return self._end(job, number, JobStatus.SUCCEEDED)
        if state is RunnerState.STOPPED or self._store.exists(cancel_path(job.job_id)):
            return self._end(job, number, JobStatus.CANCELLED)
        if newest is not None and self._never_ran(job, newest, state):
            self._try_submit(job, newest)
        elif number > self._max_attempts:
            return self._end(job, number, JobStatus.FAILED, _given_up(written, number - 1))
        else:
            self._run_again(job, BatchAttempt(number=number, opened_at=self._clock.now()))
        return written

    def _never_ran(self, job: BatchJob, newest: BatchAttempt, state: RunnerState) -> bool:
        claimed = Attempts(self._store, job.job_id).claimed(newest.number)
        return state is RunnerState.UNKNOWN and not claimed

    def _run_again(self, job: BatchJob, attempt: BatchAttempt) -> None:
        if Attempts(self._store, job.job_id).open(attempt):
            logger.warning("batch job %s goes on with attempt %d", job.job_id, attempt.number)
            self._try_submit(job, attempt)

    def _try_submit(self, job: BatchJob, attempt: BatchAttempt) -> None:
        try:
            self._submit(job, attempt)
        except Unavailable as error:  # the next look finds an attempt that never ran
            logger.warning("batch job %s was not started again: %s", job.job_id, error)

    def _submit(self, job: BatchJob, attempt: BatchAttempt) -> None:
        command = COMMAND.format(job_id=job.job_id, number=attempt.number)
        self._runner.submit(_run_id(job, attempt), command, {})

    def _has_output(self, job: BatchJob) -> bool:
        summary = output_summary(self._store, job.output_path)
        return summary is not None and summary.job_id == job.job_id

    def _end(
        self, job: BatchJob, number: int, status: JobStatus, error: str | None = None
    ) -> BatchProgress:
        """End a job in place of its run, which from then on may write nothing any more."""
        end = BatchAttempt(number=number, opened_at=self._clock.now(), ends=status, error=error)
        if Attempts(self._store, job.job_id).open(end):
            return self._write_end(job, end)
        return read_progress(self._store, job.job_id)

    def _write_end(self, job: BatchJob, end: BatchAttempt) -> BatchProgress:
        fields = {"status": end.ends, "finished_at": end.opened_at, "error": end.error}
        summary = output_summary(self._store, job.output_path)
        if end.ends is JobStatus.SUCCEEDED and summary is not None:
            total, invalid = summary.rows_total, summary.rows_invalid
            fields |= {"rows_total": total, "rows_done": total, "rows_invalid": invalid}
        written = read_progress(self._store, job.job_id)
        progress = written.model_copy(update=fields)
        clear_work(self._store, job.job_id)
        self._store.write(progress_path(job.job_id), progress.model_dump_json(indent=1).encode())
        return progress


def _run_id(job: BatchJob, attempt: BatchAttempt) -> str:
    """Return the runner's name for an attempt; the first has the job's."""
    return job.job_id if attempt.number == 1 else f"{job.job_id}-{attempt.number}"


def _given_up(written: BatchProgress, attempts: int) -> str:
    return (
        f"it was interrupted {attempts} times and is not started again; the last time: "
        f"{written.error or NO_WORD}; look at its log in the Ray dashboard and submit it again"
    )
