"""A job's objects in blob storage, as the one process that may write them sees them."""

import logging
from datetime import datetime, timedelta

from platform_core.batch_jobs import Attempts, read_progress
from platform_core.clock import Clock
from platform_core.contracts.batch_job import BatchAttempt, BatchJob, BatchProgress, JobStatus
from platform_core.errors import BlobNotFound, JobNotFound, Unavailable
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import cancel_path, job_path, progress_path

REPORT_INTERVAL = timedelta(seconds=1)
MAX_ERROR_CHARACTERS = 2_000

logger = logging.getLogger(__name__)


class Superseded(BaseException):
    """Somebody else has taken the job over; what handles errors must not swallow that."""


class JobFiles:
    """Reads the request, writes the progress; `progress` is what was last written.

    Every write first looks whether the attempt is still the newest, and raises `Superseded` if not.
    """

    def __init__(self, store: BlobStore, clock: Clock, job_id: str) -> None:
        self._store = store
        self._clock = clock
        self._job_id = job_id
        self._attempts = Attempts(store, job_id)
        self._number: int | None = None
        self._reported: datetime | None = None
        self._looked: datetime | None = None
        self.progress = read_progress(store, job_id)

    def job(self) -> BatchJob:
        """Return the request; `JobNotFound` when nobody submitted it."""
        try:
            data = self._store.read(job_path(self._job_id))
        except BlobNotFound as error:
            raise JobNotFound(f"there is no batch job {self._job_id}") from error
        return BatchJob.model_validate_json(data)

    def begin(self, attempt: int | None) -> None:
        """Become the process that runs `attempt`; without a number, of a new attempt.

        Raises:
            Superseded: it has run already, or a newer one has been opened.
        """
        self._number = self._open() if attempt is None else attempt
        if not self._attempts.claim(self._number):
            raise Superseded(f"attempt {self._number} has been run by another process")
        self.require_newest()

    def require_newest(self) -> None:
        """Return while nobody has taken the job over; `Superseded` from then on."""
        if self._number is None or self._attempts.superseded(self._number):
            raise Superseded(f"a newer attempt than {self._number} has been opened")

    def require_newest_at_times(self) -> None:
        """Do the same, but look at most once a second: while a process computes or waits."""
        now = self._clock.now()
        if self._looked is None or now - self._looked >= REPORT_INTERVAL:
            self._looked = now
            self.require_newest()

    def cancel_requested(self) -> bool:
        """Say whether somebody asked the job to stop."""
        return self._store.exists(cancel_path(self._job_id))

    def start(self) -> None:
        """Write that the job runs; what an earlier attempt has done stays done."""
        started = self.progress.started_at or self._clock.now()
        running = {"status": JobStatus.RUNNING, "started_at": started, "error": None}
        self._write(self.progress.model_copy(update=running))

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

    def interrupted(self, reason: str) -> BatchProgress:
        """Note why this attempt ends although the job does not, and return the progress."""
        logger.warning("batch job %s was interrupted: %s", self._job_id, reason)
        try:
            self._write(self.progress.model_copy(update={"error": reason[:MAX_ERROR_CHARACTERS]}))
        except Unavailable as error:
            logger.warning("the reason was not written: %s", error)
        return self.progress

    def end(self, status: JobStatus, error: str | None = None, **counts: int) -> BatchProgress:
        """Write how the job ended and return it; `counts` are fields of the progress."""
        text = error if error is None else error[:MAX_ERROR_CHARACTERS]
        finished = {"status": status, "finished_at": self._clock.now(), "error": text, **counts}
        self._write(self.progress.model_copy(update=finished))
        return self.progress

    def _open(self) -> int:
        newest = self._attempts.newest()
        number = newest.number + 1 if newest else 1
        if not self._attempts.open(BatchAttempt(number=number, opened_at=self._clock.now())):
            raise Superseded(f"attempt {number} has been opened by somebody else")
        return number

    def _write(self, progress: BatchProgress) -> None:
        self.require_newest()
        self._store.write(progress_path(self._job_id), progress.model_dump_json(indent=1).encode())
        self.progress = progress
