"""The state machine of batch jobs: a job whose run died is run again, never twice at a time.

A run is one attempt and one job of the runner. An attempt that the runner does not know and that
no process has claimed is submitted again under the same id; one that ended without ending the job
is followed by the next. Any number of processes may supervise the same jobs: each transition is
the creation of an object, which succeeds in only one of them.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from platform_core import storage
from platform_core.batch.contract import (
    BatchAttempt,
    BatchJob,
    BatchProgress,
    JobStatus,
    run_command,
    run_id,
)
from platform_core.batch.job_objects import JobObjects
from platform_core.batch.outputs import job_summary
from platform_core.clock import Clock
from platform_core.errors import JobNotFound, PlatformError, Unavailable
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner, RunnerState

logger = logging.getLogger(__name__)

CheckedJob = tuple[BatchJob, BatchProgress]


class JobSupervisor:
    """Starts, follows and ends the runs of jobs. Its methods block: call them in a thread."""

    def __init__(
        self, store: BlobStore, runner: JobRunner, clock: Clock, max_attempts: int
    ) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._max_attempts = max_attempts

    def start(self, job: BatchJob) -> None:
        """Submit the first run of a job; when that fails, delete what was written for it."""
        objects = JobObjects(self._store, job.job_id)
        objects.open_attempt(BatchAttempt(number=1, opened_at=self._clock.now()))
        marker = storage.open_path(job.job_id)
        try:
            self._store.create(marker, b"")
            self._submit(job, 1)
        except PlatformError:
            self._store.delete(marker)
            objects.delete_attempts()
            raise

    def progress(self, job: BatchJob) -> BatchProgress:
        """Return the progress of a job; if its run died, start the next one or end the job."""
        objects = JobObjects(self._store, job.job_id)
        written = objects.progress()
        if written.status.final:
            return written
        newest = objects.newest_attempt()
        if newest is not None and newest.ends is not None:
            return self._write_end(job, newest, newest.ends)
        try:
            state = RunnerState.UNKNOWN
            if newest is not None:
                state = self._runner.state(run_id(job.job_id, newest.number))
        except Unavailable:
            return written
        if state is RunnerState.PENDING:
            return written
        if state is RunnerState.RUNNING:
            return written.model_copy(update={"status": JobStatus.RUNNING})
        return self._after_run(job, newest, state)

    def stop(self, job: BatchJob) -> None:
        """Ask the runner to stop the run; the run also sees the cancellation marker by itself."""
        newest = JobObjects(self._store, job.job_id).newest_attempt()
        try:
            if newest is not None:
                self._runner.stop(run_id(job.job_id, newest.number))
        except Unavailable as error:
            logger.info("the run of batch job %s was not stopped: %s", job.job_id, error)

    def check_jobs(self) -> list[CheckedJob]:
        """Check every job that had not ended; return those that could be checked, as they are now.

        A job that has ended is returned for the last time.
        """
        checked = []
        for blob in self._store.list(storage.OPEN_JOBS):
            job_id = storage.parse_open_job(blob.path)
            try:
                job = self._check_job(job_id)
            except PlatformError as error:
                logger.warning("batch job %s was not checked: %s", job_id, error)
            else:
                checked += [job] if job is not None else []
        return checked

    async def run(self, seconds: float, checked: Callable[[Sequence[CheckedJob]], object]) -> None:
        """Check the jobs every `seconds`, until cancelled; `checked` is called with them."""
        while True:
            try:
                checked(await asyncio.to_thread(self.check_jobs))
            except Exception:  # the task must survive any error
                logger.exception("batch jobs were not checked")
            await asyncio.sleep(seconds)

    def _check_job(self, job_id: str) -> CheckedJob | None:
        try:
            job = JobObjects(self._store, job_id).request()
        except JobNotFound:  # its objects were deleted
            self._store.delete(storage.open_path(job_id))
            return None
        progress = self.progress(job)
        if progress.status.final:
            self._store.delete(storage.open_path(job_id))
        return job, progress

    def _after_run(
        self, job: BatchJob, newest: BatchAttempt | None, state: RunnerState
    ) -> BatchProgress:
        """Continue or end a job whose newest run is not running (any more)."""
        objects = JobObjects(self._store, job.job_id)
        # The run may have ended the job after its progress was read.
        written = objects.progress()
        if written.status.final:
            return written
        number = 1 if newest is None else newest.number + 1
        if job_summary(self._store, job.output_path, job.job_id):
            return self._end(job, number, JobStatus.SUCCEEDED)
        if state is RunnerState.STOPPED or objects.cancellation_requested():
            return self._end(job, number, JobStatus.CANCELLED)
        if newest and state is RunnerState.UNKNOWN and not objects.claimed(newest.number):
            self._try_submit(job, newest.number)
        elif number > self._max_attempts:
            return self._end(job, number, JobStatus.FAILED, _attempts_used_up(written, number - 1))
        elif objects.open_attempt(BatchAttempt(number=number, opened_at=self._clock.now())):
            logger.warning("starting attempt %d at batch job %s", number, job.job_id)
            self._try_submit(job, number)
        return written

    def _try_submit(self, job: BatchJob, attempt: int) -> None:
        try:
            self._submit(job, attempt)
        except Unavailable as error:  # the next check finds an attempt that has not run
            logger.warning("batch job %s was not started again: %s", job.job_id, error)

    def _submit(self, job: BatchJob, attempt: int) -> None:
        self._runner.submit(run_id(job.job_id, attempt), run_command(job.job_id, attempt), {})

    def _end(
        self, job: BatchJob, number: int, status: JobStatus, error: str | None = None
    ) -> BatchProgress:
        """End a job in place of its run, which may not write from then on."""
        objects = JobObjects(self._store, job.job_id)
        end = BatchAttempt(number=number, opened_at=self._clock.now(), ends=status, error=error)
        if objects.open_attempt(end):
            return self._write_end(job, end, status)
        return objects.progress()

    def _write_end(self, job: BatchJob, end: BatchAttempt, status: JobStatus) -> BatchProgress:
        objects = JobObjects(self._store, job.job_id)
        summary = None
        if status is JobStatus.SUCCEEDED:
            summary = job_summary(self._store, job.output_path, job.job_id)
        progress = objects.progress().ended(status, end.opened_at, end.error, summary)
        objects.delete_work()
        objects.write_progress(progress)
        return progress


def _attempts_used_up(written: BatchProgress, attempts: int) -> str:
    return (
        f"the job was interrupted {attempts} times and is not started again; last reason: "
        f"{written.error or 'its process died without reporting an error'}; check its log in the "
        "Ray dashboard and submit it again"
    )
