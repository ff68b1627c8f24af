"""A batch job in blob storage: what was asked for, who works on it and how far it is."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment

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
    """The request of a batch job, written once by the gateway."""

    job_id: str
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime


class BatchProgress(Contract):
    """The progress of a batch job, rewritten by the job; rows are counts."""

    status: JobStatus
    rows_total: int | None = None
    rows_done: int = 0
    rows_invalid: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None


class BatchAttempt(Contract):
    """One attempt at a batch job: attempts with a lower number may no longer write.

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
