"""Running a batch job from its request to its end."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from batch_inference.attempt import Attempt
from batch_inference.attempt_writer import AttemptWriter
from batch_inference.interruption import Interrupted, JobCancelled, Superseded
from batch_inference.services import Services
from platform_core.batch import BatchJob, BatchProgress, BatchSummary, JobObjects, JobStatus
from platform_core.batch.outputs import job_summary
from platform_core.errors import PlatformError, Unavailable

logger = logging.getLogger(__name__)


class _End(NamedTuple):
    status: JobStatus
    error: str | None = None
    summary: BatchSummary | None = None


def run_job(
    job_id: str,
    services: Services,
    stopped: Callable[[], bool] = lambda: False,
    attempt: int | None = None,
) -> BatchProgress:
    """Run a job to its end and return its progress; a job that has ended is not run again.

    Errors of the job become its status. Errors of its environment (Ray, the store, SIGTERM) leave
    it `running` with the reason as its `error`, for another attempt to finish.

    Args:
        job_id: the id returned by `POST /batch/submit`.
        services: what the job works with.
        stopped: called between steps; when it returns true this run ends.
        attempt: the number under which this run was announced; `None` opens a new attempt.

    Raises:
        JobNotFound: there is no such job.
        InvalidData: its request was written by an incompatible version.
    """
    objects = JobObjects(services.store, job_id)
    job, progress = objects.request(), objects.progress()
    if progress.status.final:
        return progress
    try:
        writer = AttemptWriter(objects, services.clock, attempt)
        return _run(job, objects, writer, services, stopped)
    except Superseded as reason:
        logger.warning("batch job %s is left to another process: %s", job_id, reason)
        progress = objects.progress()
        if progress.status.final:
            # A process that was frozen may write a checkpoint after the others were deleted.
            objects.delete_work()
        return progress


def _run(
    job: BatchJob,
    objects: JobObjects,
    writer: AttemptWriter,
    services: Services,
    stopped: Callable[[], bool],
) -> BatchProgress:
    def poll() -> None:
        if objects.cancellation_requested():
            raise JobCancelled
        if stopped():
            raise Interrupted("it received SIGTERM")
        writer.require_newest_regularly()

    try:
        try:
            end = _reach_end(job, writer, services, poll)
        except Interrupted:
            if not objects.cancellation_requested():
                raise
            end = _End(JobStatus.CANCELLED)
        writer.require_newest()
        objects.delete_work()
        return writer.end(*end)
    except (Unavailable, Interrupted) as reason:
        return writer.interrupted(str(reason))


def _reach_end(
    job: BatchJob, writer: AttemptWriter, services: Services, poll: Callable[[], None]
) -> _End:
    """Do the rest of the job. Errors that another attempt may not have are raised."""
    try:
        summary = job_summary(services.store, job.output_path, job.job_id)
        if summary is None:
            writer.start()
            summary = Attempt(job, writer, services, poll).finish()
        return _End(JobStatus.SUCCEEDED, summary=summary)
    except JobCancelled:
        return _End(JobStatus.CANCELLED)
    except Unavailable:
        raise
    except PlatformError as error:
        return _End(JobStatus.FAILED, str(error))
    except Exception as error:
        logger.exception("batch job %s failed", job.job_id)
        return _End(JobStatus.FAILED, f"{type(error).__name__}: {error}")
