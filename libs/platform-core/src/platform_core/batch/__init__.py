"""Batch jobs: the contract, the state machine and the submission of jobs that run elsewhere."""

from platform_core.batch.contract import (
    PROGRAM,
    SUMMARY_KEY,
    BatchAttempt,
    BatchJob,
    BatchProgress,
    BatchSubmission,
    BatchSummary,
    JobStatus,
    run_command,
    run_id,
)
from platform_core.batch.job_objects import JobObjects, create_once
from platform_core.batch.jobs import BatchJobs
from platform_core.batch.submission import check_file
from platform_core.batch.supervision import CheckedJob, JobSupervisor

__all__ = [
    "PROGRAM",
    "SUMMARY_KEY",
    "BatchAttempt",
    "BatchJob",
    "BatchJobs",
    "BatchProgress",
    "BatchSubmission",
    "BatchSummary",
    "CheckedJob",
    "JobObjects",
    "JobStatus",
    "JobSupervisor",
    "check_file",
    "create_once",
    "run_command",
    "run_id",
]
