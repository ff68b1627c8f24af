"""Batch jobs: asked for here, run elsewhere, known by their objects in the blob store."""

import re
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_gateway.errors import FieldError, InvalidFields
from api_gateway.reservations import release, reserve
from platform_core.clock import Clock
from platform_core.contracts.batch_job import (
    JOBS_PREFIX,
    BatchJob,
    BatchProgress,
    JobStatus,
    cancel_path,
    invalid_path,
    job_path,
    progress_path,
)
from platform_core.contracts.environments import Environment
from platform_core.errors import (
    BlobNotFound,
    InvalidPath,
    JobEnded,
    JobNotFound,
    PlatformError,
    Unavailable,
)
from platform_core.ports.blob_store import BlobStore, validate_path
from platform_core.ports.job_runner import JobRunner, RunnerState
from use_cases import use_case_names

COMMAND = "python -m batch_inference {job_id}"
INPUT_CONTAINERS = ("batch", "training-data")
OUTPUT_CONTAINERS = ("batch",)
LOST = "the cluster does not know this job any more (it was restarted?); submit it again"
CRASHED = (
    "the job ended without saying how; look at its log in the Ray dashboard and submit it again"
)
# So long after a job was written down the cluster may still be about to hear of it.
SUBMITTING = timedelta(minutes=1)
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_STOPPING = {RunnerState.STOPPED, RunnerState.FAILED, RunnerState.UNKNOWN, RunnerState.SUCCEEDED}


class Submission(BaseModel):
    """What to score and where the answers go: `<container>/<path>` in the blob store."""

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
        self, store: BlobStore, runner: JobRunner, clock: Clock, default_use_case: str
    ) -> None:
        self._store = store
        self._runner = runner
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
        source = _path("input_path", submission.input_path, INPUT_CONTAINERS)
        target = _path("output_path", submission.output_path, OUTPUT_CONTAINERS)
        for path in _written_paths(target):
            if _overlap(source, path):
                text = f"{path} lies within the input, or the other way; choose another"
                raise InvalidFields(FieldError("output_path", text))
        if not self._holds("input_path", source):
            raise InvalidFields(FieldError("input_path", f"there is nothing at {source}"))
        self._check_free(target)
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
            self._check_free(job.output_path)
            self._runner.submit(job.job_id, COMMAND.format(job_id=job.job_id), {})
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
        """Return how far a job is, from what it wrote and what the cluster knows."""
        written = self._written(job)
        if written.status.final:
            return written
        try:
            state = self._runner.state(job.job_id)
        except Unavailable:
            return written
        if state in _STOPPING:
            return self._ended(job, state)
        if state is RunnerState.RUNNING:
            return written.model_copy(update={"status": JobStatus.RUNNING})
        return written

    def cancel(self, job: BatchJob) -> None:
        """Ask a job to stop; `JobEnded` (409) when there is nothing to stop."""
        status = self.progress(job).status
        if status.final:
            raise JobEnded(f"the job {job.job_id} has ended already: {status}")
        self._store.write(cancel_path(job.job_id), b"")
        try:
            self._runner.stop(job.job_id)
        except Unavailable:
            return  # the job sees the marker by itself

    def _ended(self, job: BatchJob, state: RunnerState) -> BatchProgress:
        """Return the end of a job that the cluster does not run (any more)."""
        # Its last words may have been written since we looked.
        written = self._written(job)
        if written.status.final:
            return written
        if state is RunnerState.STOPPED or self._store.exists(cancel_path(job.job_id)):
            return written.model_copy(update={"status": JobStatus.CANCELLED})
        error = LOST if state is RunnerState.UNKNOWN else CRASHED
        return written.model_copy(update={"status": JobStatus.FAILED, "error": error})

    def _written(self, job: BatchJob) -> BatchProgress:
        try:
            data = self._store.read(progress_path(job.job_id))
        except BlobNotFound:
            return BatchProgress(status=JobStatus.SUBMITTED)
        return BatchProgress.model_validate_json(data)

    def _ended_for_good(self, job_id: str) -> bool:
        """Say whether a job will write nothing any more."""
        try:
            job = self.find(job_id)
        except JobNotFound:  # a job is written down before it reserves, so this one was deleted
            return True
        progress = self.progress(job)
        starting = progress.error == LOST and self._clock.now() - job.submitted_at < SUBMITTING
        return progress.status.final and not starting

    def _check_free(self, target: str) -> None:
        """Refuse an output or a side file that would replace what is there."""
        for path in _written_paths(target):
            if self._holds("output_path", path):
                text = f"{path} exists already; choose another or delete it"
                raise InvalidFields(FieldError("output_path", text))

    def _holds(self, field: str, path: str) -> bool:
        """Say whether there is an object at `path`, or a folder of objects."""
        try:
            return self._store.exists(path) or next(iter(self._store.list(path)), None) is not None
        except InvalidPath as error:  # well-formed, but the store does not go there
            raise InvalidFields(FieldError(field, str(error))) from error


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
        "error": progress.error,
    }


def percent(progress: BatchProgress) -> int:
    """Return the share of rows done, 0 to 100; only a job that succeeded has 100."""
    if progress.status is JobStatus.SUCCEEDED:
        return 100
    return min(99, 100 * progress.rows_done // progress.rows_total) if progress.rows_total else 0


def new_job_id() -> str:
    """Return 32 hexadecimal characters that sort by time: 48 bits of milliseconds come first."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"


def _written_paths(target: str) -> tuple[str, str]:
    """Return where a job with the output `target` writes: there, and its invalid rows."""
    side = invalid_path(target)
    try:
        return target, validate_path(side)
    except InvalidPath as error:
        text = f"its name is too long for its list of invalid rows: {error}"
        raise InvalidFields(FieldError("output_path", text)) from error


def _overlap(one: str, other: str) -> bool:
    """Say whether two paths are the same or one lies within the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _path(field: str, path: str, containers: tuple[str, ...]) -> str:
    try:
        validate_path(path)
    except InvalidPath as error:
        raise InvalidFields(FieldError(field, str(error))) from error
    container = path.partition("/")[0]
    if container not in containers:
        raise InvalidFields(
            FieldError(field, f"is in {container}/; it must be in {'/ or '.join(containers)}/")
        )
    if f"{path}/".startswith(f"{JOBS_PREFIX}/"):
        raise InvalidFields(FieldError(field, f"{JOBS_PREFIX}/ is the platform's own"))
    return path
