"""Writing a job's progress, as the one process that may do so."""

import logging
from datetime import datetime, timedelta

from batch_inference.checkpoints import RowCounts
from batch_inference.interruption import Superseded
from platform_core.batch import BatchAttempt, BatchProgress, BatchSummary, JobObjects, JobStatus
from platform_core.clock import Clock
from platform_core.errors import Unavailable

REPORT_INTERVAL = timedelta(seconds=1)
MAX_ERROR_CHARACTERS = 2_000

logger = logging.getLogger(__name__)


class AttemptWriter:
    """Writes the progress for one attempt; `progress` is what was written last.

    Every write first checks that the attempt is still the newest, and raises `Superseded` if not.
    """

    def __init__(self, objects: JobObjects, clock: Clock, attempt: int | None) -> None:
        """Become the process that runs `attempt`; without a number, open a new attempt.

        Raises:
            Superseded: another process has run it, or has opened a newer one.
        """
        self.progress = objects.progress()
        self._objects = objects
        self._clock = clock
        self._reported: datetime | None = None
        self._checked: datetime | None = None
        self._number = self._open() if attempt is None else attempt
        if not objects.claim(self._number):
            raise Superseded(f"attempt {self._number} was run by another process")
        self.require_newest()

    def require_newest(self) -> None:
        """Raise `Superseded` when the job was taken over."""
        if self._objects.superseded(self._number):
            raise Superseded(f"a newer attempt than {self._number} was opened")

    def require_newest_regularly(self) -> None:
        """Do the same, but at most once a second."""
        now = self._clock.now()
        if self._checked is None or now - self._checked >= REPORT_INTERVAL:
            self._checked = now
            self.require_newest()

    def start(self) -> None:
        """Write that the job is running; the counts of an earlier attempt stay."""
        started = self.progress.started_at or self._clock.now()
        self._update(status=JobStatus.RUNNING, started_at=started, error=None)

    def report(self, rows_total: int, counts: RowCounts) -> None:
        """Write the counts, at most once a second; a failed write is repeated by the next one."""
        now = self._clock.now()
        if self._reported is not None and now - self._reported < REPORT_INTERVAL:
            return
        self._reported = now
        try:
            self._update(
                rows_total=rows_total,
                rows_done=counts.done,
                rows_invalid=counts.invalid,
                rows_truncated=counts.truncated,
            )
        except Unavailable as error:
            logger.warning("the progress was not written: %s", error)

    def interrupted(self, reason: str) -> BatchProgress:
        """Write why this attempt ends although the job does not, and return the progress."""
        logger.warning("the attempt was interrupted: %s", reason)
        try:
            self._update(error=reason[:MAX_ERROR_CHARACTERS])
        except Unavailable as error:
            logger.warning("the reason was not written: %s", error)
        return self.progress

    def end(
        self, status: JobStatus, error: str | None, summary: BatchSummary | None
    ) -> BatchProgress:
        """Write the end of the job and return its progress."""
        text = error if error is None else error[:MAX_ERROR_CHARACTERS]
        self._write(self.progress.ended(status, self._clock.now(), text, summary))
        return self.progress

    def _open(self) -> int:
        newest = self._objects.newest_attempt()
        number = newest.number + 1 if newest else 1
        if not self._objects.open_attempt(BatchAttempt(number=number, opened_at=self._clock.now())):
            raise Superseded(f"attempt {number} was opened by another process")
        return number

    def _update(self, **fields: object) -> None:
        self._write(self.progress.model_copy(update=fields))

    def _write(self, progress: BatchProgress) -> None:
        self.require_newest()
        self._objects.write_progress(progress)
        self.progress = progress
