"""The contract between the programs that submit, run and follow a batch job.

submitted ──> running ──> succeeded
    │            ├──────> failed       invalid input, too many invalid rows, no attempts left
    └────────────┴──────> cancelled

A run of the job's program is an attempt. A job whose run dies stays `running` and gets the next
attempt. Every object of a job is in `batch/_jobs/<job_id>/` (see `platform_core.storage`).
"""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment

PROGRAM = "batch_inference"
"""The module that runs a job: `python -m batch_inference <job_id> --attempt <number>`."""

SUMMARY_KEY = "mlplatform.batch_job"
"""The key of the `BatchSummary` in the metadata of a Parquet file."""


class JobStatus(StrEnum):
    """The state of a job; the last three are final."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


class BatchSubmission(Contract):
    """What to score and where to write the predictions: `<container>/<path>` in the blob store.

    The input is an object, a folder or a pattern: `*`, `?` and `[...]` match parts of a name,
    `**` matches folders. An output that ends in `.parquet` becomes one object, any other a folder.
    """

    input_path: str = Field(min_length=1)
    output_path: str = Field(min_length=1)
    use_case: str | None = None


class BatchJob(Contract):
    """`job.json`: the request, written once when the job is submitted."""

    job_id: str
    use_case: str
    environment: Environment
    input_path: str
    output_path: str
    release_id: str
    submitted_at: datetime


class BatchSummary(Contract):
    """Metadata of a complete output or side file: its job and the number of input rows, of invalid
    ones, and of scored ones that were cut to the limits of their fields.
    """

    job_id: str
    rows_total: int
    rows_invalid: int
    rows_truncated: int = 0


class BatchProgress(Contract):
    """`progress.json`, rewritten by the run; rows are counts, `rows_done` includes invalid ones."""

    status: JobStatus
    rows_total: int | None = None
    rows_done: int = 0
    rows_invalid: int = 0
    rows_truncated: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None

    @property
    def percent(self) -> int:
        """The share of rows done, 0 to 100; only a job that succeeded has 100."""
        if self.status is JobStatus.SUCCEEDED:
            return 100
        return min(99, 100 * self.rows_done // self.rows_total) if self.rows_total else 0

    def ended(
        self,
        status: JobStatus,
        finished_at: datetime,
        error: str | None = None,
        summary: BatchSummary | None = None,
    ) -> "BatchProgress":
        """Return the progress of the ended job; the counts are those of `summary`, if given."""
        update: dict[str, object] = {"status": status, "finished_at": finished_at, "error": error}
        if summary is not None:
            total, invalid = summary.rows_total, summary.rows_invalid
            update |= {"rows_total": total, "rows_done": total, "rows_invalid": invalid}
            update["rows_truncated"] = summary.rows_truncated
        return self.model_copy(update=update)


class BatchAttempt(Contract):
    """`attempts/<number>.json`: from now on no run with a lower number may write.

    Without `ends` it announces one run of the program. With it no run follows: the job ended with
    this status although its last run did not write it, and `error` says why it failed.
    """

    number: int = Field(ge=1)
    opened_at: datetime
    ends: JobStatus | None = None
    error: str | None = None


def run_command(job_id: str, attempt: int) -> str:
    """Return the shell command that runs one attempt at a job."""
    return f"python -m {PROGRAM} {job_id} --attempt {attempt}"


def run_id(job_id: str, attempt: int) -> str:
    """Return the id of an attempt's run in the job runner; the first one has the job's id."""
    return job_id if attempt == 1 else f"{job_id}-{attempt}"
