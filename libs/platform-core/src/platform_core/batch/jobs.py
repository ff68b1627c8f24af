"""Submitting, following and cancelling batch jobs."""

import logging
import re
import time
import uuid
from collections.abc import Iterator

from platform_core import storage
from platform_core.batch.contract import BatchJob, BatchProgress, BatchSubmission
from platform_core.batch.inputs import overlaps
from platform_core.batch.job_objects import JobObjects
from platform_core.batch.reservations import release, reserve
from platform_core.batch.submission import check_free, check_paths
from platform_core.batch.supervision import JobSupervisor
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.errors import InvalidData, JobEnded, JobNotFound, PlatformError
from platform_core.ports.blob_store import BlobStore

logger = logging.getLogger(__name__)

_JOB_ID = re.compile(r"[0-9a-f]{32}")


class BatchJobs:
    """All batch jobs of a blob store. Its methods block: call them in a thread."""

    def __init__(self, store: BlobStore, supervisor: JobSupervisor, clock: Clock) -> None:
        self._store = store
        self.supervisor = supervisor
        self._clock = clock

    def check(self, submission: BatchSubmission) -> None:
        """Check the paths of a submission.

        Raises:
            InvalidRecord: a path is malformed or not allowed, the input does not exist, or the
                output does; the error names the field.
        """
        check_paths(self._store, submission.input_path, submission.output_path)

    def submit(
        self,
        submission: BatchSubmission,
        use_case: str,
        environment: Environment,
        release_id: str,
    ) -> BatchJob:
        """Write a checked submission as a job, reserve its output and start it.

        Raises:
            OutputReserved: a job that has not ended is going to write to the same output.
            InvalidRecord: the output was written after the check.
            UpstreamUnavailable: the job runner cannot be reached.
        """
        job = BatchJob(
            job_id=new_job_id(),
            use_case=use_case,
            environment=environment,
            input_path=submission.input_path,
            output_path=submission.output_path,
            release_id=release_id,
            submitted_at=self._clock.now(),
        )
        path = storage.job_path(job.job_id)
        self._store.create(path, job.model_dump_json(indent=1).encode())
        reserved: list[str] = []
        try:
            reserved = reserve(self._store, job.output_path, job.job_id, self._has_ended)
            # The job that held it may have succeeded between the check and the reservation.
            check_free(self._store, job.output_path)
            self.supervisor.start(job)
        except PlatformError:
            release(self._store, reserved)
            self._store.delete(path)
            raise
        return job

    def find(self, job_id: str) -> BatchJob:
        """Return the request of a job; `JobNotFound` (404) when there is no such job."""
        try:
            if _JOB_ID.fullmatch(job_id):
                return JobObjects(self._store, job_id).request()
        except InvalidData as error:
            logger.warning("%s", error)
        raise JobNotFound(f"there is no batch job {job_id!r:.100}")

    def ids(self) -> list[str]:
        """Return the ids of all jobs, the newest first."""
        names = (path.rpartition("/")[2] for path in self._store.folders(storage.BATCH_JOBS))
        return sorted((name for name in names if _JOB_ID.fullmatch(name)), reverse=True)

    def written_progress(self, job: BatchJob) -> BatchProgress:
        """Return the progress that the runs of a job wrote; nothing is started or ended."""
        return JobObjects(self._store, job.job_id).progress()

    def progress(self, job: BatchJob) -> BatchProgress:
        """Return the progress of a job; if its run died, start the next one or end the job."""
        return self.supervisor.progress(job)

    def cancel(self, job: BatchJob) -> None:
        """Ask a job to stop; `JobEnded` (409) when it has already ended."""
        objects = JobObjects(self._store, job.job_id)
        # Not `self.progress`, which might start the job again.
        status = objects.progress().status
        if status.final:
            raise JobEnded(f"the job {job.job_id} has already ended: {status}")
        objects.request_cancellation()
        self.supervisor.stop(job)

    def user_of(self, path: str) -> BatchJob | None:
        """Return a job that has not ended and reads or writes the object at `path`."""
        return next((job for job in self._open() if _uses(job, path)), None)

    def _open(self) -> Iterator[BatchJob]:
        for blob in self._store.list(storage.OPEN_JOBS):
            objects = JobObjects(self._store, storage.parse_open_job(blob.path))
            try:
                job = objects.request()
            except (JobNotFound, InvalidData):  # deleted, or of an incompatible version
                continue
            # The marker of a job that has just ended is still there.
            if not objects.progress().status.final:
                yield job

    def _has_ended(self, job_id: str) -> bool:
        try:
            return self.progress(self.find(job_id)).status.final
        except JobNotFound:  # jobs are written before they reserve: this one was deleted
            return True


def _uses(job: BatchJob, path: str) -> bool:
    outputs = (job.output_path, storage.invalid_path(job.output_path))
    return any(overlaps(used, path) for used in (job.input_path, *outputs))


def new_job_id() -> str:
    """Return 32 hexadecimal characters that sort by time: 48 bits of milliseconds come first."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"
