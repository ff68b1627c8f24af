"""A job's objects in blob storage: its request, its progress and the marker to cancel it."""

import logging
from datetime import datetime, timedelta

from platform_core.clock import Clock
from platform_core.contracts.batch_job import (
    BatchJob,
    BatchProgress,
    JobStatus,
    cancel_path,
    job_path,
    progress_path,
)
from platform_core.errors import BlobNotFound, JobNotFound, Unavailable
from platform_core.ports.blob_store import BlobStore

REPORT_INTERVAL = timedelta(seconds=1)
MAX_ERROR_CHARACTERS = 2_000

logger = logging.getLogger(__name__)


class JobFiles:
    """Reads the request, writes the progress; `progress` is what was last written."""

    def __init__(self, store: BlobStore, clock: Clock, job_id: str) -> None:
        self._store = store
        self._clock = clock
        self._job_id = job_id
        self._reported: datetime | None = None
        self.progress = self._read_progress()

    def job(self) -> BatchJob:
        """Return the request; `JobNotFound` when nobody submitted it."""
        try:
            data = self._store.read(job_path(self._job_id))
        except BlobNotFound as error:
            raise JobNotFound(f"there is no batch job {self._job_id}") from error
        return BatchJob.model_validate_json(data)

    def cancel_requested(self) -> bool:
        """Say whether somebody asked the job to stop."""
        return self._store.exists(cancel_path(self._job_id))

    def start(self) -> None:
        """Write that the job runs, from the beginning."""
        self._write(BatchProgress(status=JobStatus.RUNNING, started_at=self._clock.now()))

    def report(self, rows_total: int, rows_done: int, rows_invalid: int) -> None:
        """Write how far the job is, at most once a second.

        A store that cannot be reached is no reason to stop: the next report may succeed.
        """
        now = self._clock.now()
        if self._reported is not None and now - self._reported < REPORT_INTERVAL:
            return
        self._reported = now
        counts = {"rows_total": rows_total, "rows_done": rows_done, "rows_invalid": rows_invalid}
        try:
            self._write(self.progress.model_copy(update=counts))
        except Unavailable as error:
            logger.warning("the progress of job %s was not written: %s", self._job_id, error)

    def end(self, status: JobStatus, error: str | None = None, **counts: int) -> BatchProgress:
        """Write how the job ended and return it; `counts` are fields of the progress."""
        text = error if error is None else error[:MAX_ERROR_CHARACTERS]
        finished = {"status": status, "finished_at": self._clock.now(), "error": text, **counts}
        self._write(self.progress.model_copy(update=finished))
        return self.progress

    def _read_progress(self) -> BatchProgress:
        try:
            data = self._store.read(progress_path(self._job_id))
        except BlobNotFound:
            return BatchProgress(status=JobStatus.SUBMITTED)
        return BatchProgress.model_validate_json(data)

    def _write(self, progress: BatchProgress) -> None:
        self._store.write(progress_path(self._job_id), progress.model_dump_json(indent=1).encode())
        self.progress = progress
