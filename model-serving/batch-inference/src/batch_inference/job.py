"""A batch job from its request to its result."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from batch_inference.attempt import Attempt
from batch_inference.cancellation import Interrupted, JobCancelled
from batch_inference.job_files import JobFiles, Superseded
from batch_inference.services import Services
from platform_core.batch_jobs import clear_work, output_summary, read_progress
from platform_core.contracts.batch_job import BatchJob, BatchProgress, BatchSummary, JobStatus
from platform_core.errors import PlatformError, Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _End:
    status: JobStatus
    error: str | None = None
    summary: BatchSummary | None = None


def run_job(
    job_id: str,
    services: Services,
    stopped: Callable[[], bool] = lambda: False,
    attempt: int | None = None,
) -> BatchProgress:
    """Run a job to its end and return how it ended; one that has ended is left alone.

    Nothing but the job's absence raises: what is wrong with the job is its status, and what was
    wrong around it (Ray, the store, SIGTERM) leaves it `running` with the reason as its `error`,
    for another attempt to finish. `attempt` is the number under which this one was announced;
    without it a new one is opened. When a newer one is opened this one writes nothing any more.
    `stopped` is asked between steps.

    Raises:
        JobNotFound: nobody submitted such a job.
    """
    files = JobFiles(services.store, services.clock, job_id)
    job = files.job()
    if files.progress.status.final:
        return files.progress
    try:
        files.begin(attempt)
        return _run(job, files, services, stopped)
    except Superseded as reason:
        logger.warning("batch job %s is left to somebody else: %s", job_id, reason)
        return _left(job_id, services)


def _left(job_id: str, services: Services) -> BatchProgress:
    """Return how far whoever has taken the job over is."""
    progress = read_progress(services.store, job_id)
    if progress.status.final:
        # A process that was frozen while it kept a chunk does so after the others were removed.
        clear_work(services.store, job_id)
    return progress


def _run(
    job: BatchJob, files: JobFiles, services: Services, stopped: Callable[[], bool]
) -> BatchProgress:
    try:
        end = _reach_end(job, files, services, stopped)
        files.require_newest()
        clear_work(services.store, job.job_id)
        return files.end(end.status, end.error, **_counts(end.summary))
    except (Unavailable, Interrupted) as reason:
        return files.interrupted(str(reason))


def _reach_end(
    job: BatchJob, files: JobFiles, services: Services, stopped: Callable[[], bool]
) -> _End:
    """Do what is left to do of the job; trouble that another attempt may not have goes through."""
    try:
        summary = output_summary(services.store, job.output_path)
        if summary is None or summary.job_id != job.job_id:
            files.start()
            summary = Attempt(job, files, services, stopped).finish()
        return _End(JobStatus.SUCCEEDED, summary=summary)
    except JobCancelled:
        return _End(JobStatus.CANCELLED)
    except Interrupted:
        if files.cancel_requested():
            return _End(JobStatus.CANCELLED)
        raise
    except Unavailable:
        raise
    except PlatformError as error:
        return _End(JobStatus.FAILED, str(error))
    except Exception as error:
        logger.exception("batch job %s failed", job.job_id)
        return _End(JobStatus.FAILED, f"{type(error).__name__}: {error}")


def _counts(summary: BatchSummary | None) -> dict[str, int]:
    if summary is None:
        return {}
    total, invalid = summary.rows_total, summary.rows_invalid
    return {"rows_total": total, "rows_done": total, "rows_invalid": invalid}
