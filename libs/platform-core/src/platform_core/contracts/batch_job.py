"""A batch job in blob storage: what was asked for, who works on it and how far it is."""

import hashlib
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment

JOBS_PREFIX = "batch/_jobs"
OPEN_PREFIX = f"{JOBS_PREFIX}/_open"
PARQUET = ".parquet"
INVALID = ".invalid.parquet"
PART = "part-"
SUCCESS = "_SUCCESS"
SUMMARY_KEY = "mlplatform.batch_job"


class JobStatus(StrEnum):
    """The life of a job; the last three are final."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Say whether the job has ended."""
        return self in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


class BatchJob(Contract):
    """`batch/_jobs/<job_id>/job.json`, written once by the gateway."""

    job_id: str
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime


class BatchProgress(Contract):
    """`batch/_jobs/<job_id>/progress.json`, rewritten by the job; rows are counts."""

    status: JobStatus
    rows_total: int | None = None
    rows_done: int = 0
    rows_invalid: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


class BatchAttempt(Contract):
    """`batch/_jobs/<job_id>/attempts/<number>.json`: nobody of a lower number may write any more.

    Without `ends` it stands for one run of the program. With it no run follows: the job ended so
    without a word of its own, and `error` says why when it failed.
    """

    number: int = Field(ge=1)
    opened_at: datetime
    ends: JobStatus | None = None
    error: str | None = None


class BatchSummary(Contract):
    """What a finished output or side file says of itself: whose it is and how many rows went in."""

    job_id: str
    rows_total: int
    rows_invalid: int


def job_path(job_id: str) -> str:
    """Return where the job's request is kept."""
    return f"{JOBS_PREFIX}/{job_id}/job.json"


def progress_path(job_id: str) -> str:
    """Return where the job's progress is kept."""
    return f"{JOBS_PREFIX}/{job_id}/progress.json"


def cancel_path(job_id: str) -> str:
    """Return the marker whose presence asks the job to stop."""
    return f"{JOBS_PREFIX}/{job_id}/cancel"


def open_path(job_id: str) -> str:
    """Return the marker of a job that was taken on and whose end is not known yet."""
    return f"{OPEN_PREFIX}/{job_id}"


def attempts_folder(job_id: str) -> str:
    """Return where the attempts at a job are kept, the last one by name is the newest."""
    return f"{JOBS_PREFIX}/{job_id}/attempts"


def attempt_path(job_id: str, number: int) -> str:
    """Return where an attempt is written down before it starts."""
    return f"{attempts_folder(job_id)}/{number:06d}.json"


def claim_path(job_id: str, number: int) -> str:
    """Return the marker of the one process that runs an attempt."""
    return f"{attempts_folder(job_id)}/{number:06d}.claim"


def input_plan_path(job_id: str) -> str:
    """Return where the first attempt notes which objects it reads, and how they were."""
    return f"{JOBS_PREFIX}/{job_id}/input.json"


def checkpoints_folder(job_id: str) -> str:
    """Return where the chunks that are done wait for the others."""
    return f"{JOBS_PREFIX}/{job_id}/checkpoints"


def reservation_path(output_path: str, predecessor: str | None = None) -> str:
    """Return the object that says which job may write to `output_path`; it holds the job's id.

    Once that job has ended, its successor creates the reservation that names the `predecessor`:
    creating is atomic, replacing is not.
    """
    key = hashlib.sha256(output_path.encode()).hexdigest()
    return f"{JOBS_PREFIX}/_outputs/{key}" + (f".{predecessor}" if predecessor else "")


def invalid_path(output_path: str) -> str:
    """Return the side file of an output: where its job lists the invalid rows."""
    return output_path.removesuffix(PARQUET) + INVALID
