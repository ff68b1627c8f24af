"""A batch job: what was asked for and how far it is, as two objects in blob storage."""

import hashlib
from datetime import datetime
from enum import StrEnum

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment

JOBS_PREFIX = "batch/_jobs"
PARQUET = ".parquet"
INVALID = ".invalid.parquet"


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


def job_path(job_id: str) -> str:
    """Return where the job's request is kept."""
    return f"{JOBS_PREFIX}/{job_id}/job.json"


def progress_path(job_id: str) -> str:
    """Return where the job's progress is kept."""
    return f"{JOBS_PREFIX}/{job_id}/progress.json"


def cancel_path(job_id: str) -> str:
    """Return the marker whose presence asks the job to stop."""
    return f"{JOBS_PREFIX}/{job_id}/cancel"


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
