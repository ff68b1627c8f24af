"""Batch jobs: asked for here, run elsewhere, known by their objects in the blob store."""

import re
import time
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_gateway.batch.job_paths import check_free, check_paths
from api_gateway.batch.reservations import release, reserve
from api_gateway.batch.supervision import Supervision
from api_gateway.errors import FieldError, InvalidFields
from platform_core.batch_jobs import read_progress
from platform_core.clock import Clock
from platform_core.contracts.batch_job import BatchJob, BatchProgress, JobStatus
from platform_core.contracts.environments import Environment
from platform_core.errors import BlobNotFound, JobEnded, JobNotFound, PlatformError
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import cancel_path, job_path
from use_cases import use_case_names

_JOB_ID = re.compile(r"[0-9a-f]{32}")


class Submission(BaseModel):
    """What to score and where the answers go: `<container>/<path>` in the blob store.

    The input is an object, a folder or a pattern: `*`, `?` and `[...]` stand for parts of a name,
    `**` for folders. An output that ends in `.parquet` becomes one object, any other a folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_path: Annotated[str, Field(min_length=1)]
    output_path: Annotated[str, Field(min_length=1)]
    use_case: str | None = None


@dataclass(frozen=True)
class JobPlan:
    """A submission that passed every check."""

    use_case: str
    environment: Environment
    input_path: str
    output_path: str


class BatchJobs:
    """Submits, follows and cancels jobs. Its methods wait for the store: run them in a thread."""

    def __init__(
        self, store: BlobStore, supervision: Supervision, clock: Clock, default_use_case: str
    ) -> None:
        self._store = store
        self.supervision = supervision
        self._clock = clock
        self._default = default_use_case

    def check(self, submission: Submission, environment: Environment) -> JobPlan:
        """Return what to do.

        Raises:
            InvalidFields: a path is malformed or out of bounds, the input is not there, or the
                output is; the field is named.
        """
        name = self._default if submission.use_case is None else submission.use_case
        if name not in use_case_names():
            known = ", ".join(use_case_names())
            raise InvalidFields(FieldError("use_case", f"{name!r:.100} is none of {known}"))
        source, target = submission.input_path, submission.output_path
        check_paths(self._store, source, target)
        return JobPlan(name, environment, source, target)

    def submit(self, plan: JobPlan, release_id: str) -> BatchJob:
        """Write the job down, reserve its output and start it.

        Raises:
            OutputReserved: a job that has not ended is going to write to the same output.
            InvalidFields: the output has come to exist since it was checked.
            UpstreamUnavailable: the cluster is down.
        """
        job = BatchJob(
            job_id=new_job_id(),
            use_case=plan.use_case,
            environment=plan.environment,
            input_path=plan.input_path,
            output_path=plan.output_path,
            release_id=release_id,
            submitted_at=self._clock.now(),
        )
        path = job_path(job.job_id)
        self._store.create(path, job.model_dump_json(indent=1).encode())
        reserved: list[str] = []
        try:
            reserved = reserve(self._store, job.output_path, job.job_id, self._ended_for_good)
            # The job that held it may have succeeded between the check and the reservation.
            check_free(self._store, job.output_path)
            self.supervision.start(job)
        except PlatformError:
            release(self._store, reserved)
            self._store.delete(path)
            raise
        return job

    def find(self, job_id: str) -> BatchJob:
        """Return what was asked for; `JobNotFound` (404) when nobody did."""
        unknown = JobNotFound(f"there is no batch job {job_id!r:.100}")
        if not _JOB_ID.fullmatch(job_id):
            raise unknown
        try:
            return BatchJob.model_validate_json(self._store.read(job_path(job_id)))
        except (BlobNotFound, ValidationError) as error:
            raise unknown from error

    def progress(self, job: BatchJob) -> BatchProgress:
        """Return how far a job is; one whose run died is run again."""
        return self.supervision.progress(job)

    def cancel(self, job: BatchJob) -> None:
        """Ask a job to stop; `JobEnded` (409) when there is nothing to stop."""
        # What is written counts: to ask further might start again what is to stop.
        status = read_progress(self._store, job.job_id).status
        if status.final:
            raise JobEnded(f"the job {job.job_id} has ended already: {status}")
        self._store.write(cancel_path(job.job_id), b"")
        self.supervision.stop(job)

    def _ended_for_good(self, job_id: str) -> bool:
        """Say whether a job will write nothing any more."""
        try:
            return self.progress(self.find(job_id)).status.final
        except JobNotFound:  # a job is written down before it reserves, so this one was deleted
            return True


def job_document(job: BatchJob, progress: BatchProgress) -> dict[str, Any]:
    """Return a job as callers see it; `progress` counts from 0 to 100."""
    return {
        "job_id": job.job_id,
        "status": progress.status.value,
        "progress": percent(progress),
        "rows_total": progress.rows_total,
        "rows_done": progress.rows_done,
        "rows_invalid": progress.rows_invalid,
        "use_case": job.use_case,
        "environment": job.environment.value,
        "input_path": job.input_path,
        "output_path": job.output_path,
        "release_id": job.release_id,
        "submitted_at": job.submitted_at,
        "started_at": progress.started_at,
        "finished_at": progress.finished_at,
        # Until the end it is the trouble of one attempt, which the next may not have.
        "error": progress.error if progress.status.final else None,
    }


def percent(progress: BatchProgress) -> int:
    """Return the share of rows done, 0 to 100; only a job that succeeded has 100."""
    if progress.status is JobStatus.SUCCEEDED:
        return 100
    return min(99, 100 * progress.rows_done // progress.rows_total) if progress.rows_total else 0


def new_job_id() -> str:
    """Return 32 hexadecimal characters that sort by time: 48 bits of milliseconds come first."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"
