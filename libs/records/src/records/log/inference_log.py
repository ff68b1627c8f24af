"""The inference log: from predictions and their labels to segments on disk to Parquet objects in
the blob store.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.errors import InvalidInput, PlatformError, SpoolUnavailable, UpstreamUnavailable
from records.log.segments import LABELS, frame
from records.log.spool import SealedSegment, Spool
from records.log.uploads import UploadSegment

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 60.0


class LogMetrics(Protocol):
    """Counts what goes wrong with the log."""

    def count_unlogged(self, records: int) -> None:
        """Count records that could not be appended although their requests are answered."""
        ...

    def count_upload_failure(self) -> None:
        """Count one failed attempt to upload a segment."""
        ...

    def count_damaged(self, records: int) -> None:
        """Count records that were dropped because their checksum is wrong."""
        ...


@dataclass(frozen=True)
class UploadResult:
    """The result of one pass over the sealed segments; `failed` ones stay on disk."""

    segments: int = 0
    records: int = 0
    failed: int = 0


class InferenceLog:
    """Appends records and uploads them; `run` is its background task."""

    def __init__(
        self, spool: Spool, upload: UploadSegment, metrics: LogMetrics, answer_unlogged: bool
    ) -> None:
        self._spool = spool
        self._upload_segment = upload
        self._metrics = metrics
        self._answer_unlogged = answer_unlogged
        self._uploading = asyncio.Lock()
        self._failure: str | None = None

    @property
    def backlog(self) -> tuple[int, int]:
        """The number of segments, and their bytes, that are not in the blob store yet."""
        return self._spool.backlog

    @property
    def failure(self) -> str | None:
        """Why the last append or probe failed; `None` when it succeeded."""
        return self._failure

    @property
    def outage(self) -> SpoolUnavailable | None:
        """Why answers cannot be logged, for readiness and for callers over their limit; `None` when
        they can, or may be sent unlogged.
        """
        if self._failure is None or self._answer_unlogged:
            return None
        return SpoolUnavailable(self._failure)

    def append(
        self,
        use_case: str,
        environment: Environment,
        time: datetime,
        records: Sequence[dict[str, Any]],
    ) -> None:
        """Append `records` (the fields of `InferenceRecord`), all of them or none.

        Raises:
            SpoolUnavailable: they cannot be appended, and answering unlogged is not allowed.
        """
        lines = [frame(orjson.dumps(record)) for record in records]
        try:
            self._spool.append(use_case, environment, time, lines)
        except SpoolUnavailable as error:
            self._set_failure(error)
            if not self._answer_unlogged:
                raise
            self._metrics.count_unlogged(len(lines))
        else:
            self._set_failure(None)

    def append_records(
        self, use_case: str, environment: Environment, records: Iterable[dict[str, Any]]
    ) -> None:
        """Append `records` by the hour of their `time`; raises like `append`."""
        hours: dict[datetime, list[dict[str, Any]]] = {}
        for record in records:
            time: datetime = record["time"]
            hour = time.replace(minute=0, second=0, microsecond=0)
            hours.setdefault(hour, []).append(record)
        for hour, same in hours.items():
            self.append(use_case, environment, hour, same)

    def append_labels(self, labels: Sequence[PredictionLabel]) -> None:
        """Append labels, which are on disk when it returns.

        Raises:
            InvalidInput: a label has no prediction's id.
            SpoolUnavailable: they cannot be appended; some of them may have been.
        """
        partitions: dict[tuple[str, datetime], list[bytes]] = {}
        for label in labels:
            made = prediction_time(label.prediction_id)
            day = made.replace(hour=0, minute=0, second=0, microsecond=0)
            line = frame(orjson.dumps(label.model_dump()))
            partitions.setdefault((label.use_case, day), []).append(line)
        try:
            for (use_case, day), lines in partitions.items():
                self._spool.append(use_case, LABELS, day, lines)
        except SpoolUnavailable as error:
            self._set_failure(error)
            raise
        self._set_failure(None)

    async def probe(self) -> None:
        """Check whether the spool is writable and update `failure` and `outage`."""
        try:
            await asyncio.to_thread(self._spool.probe)
        except SpoolUnavailable as error:
            self._set_failure(error)
        else:
            self._set_failure(None)

    async def run(self, age_of: Callable[[str], timedelta] | None = None) -> None:
        """Seal old segments and upload sealed ones until cancelled; `age_of` returns the maximum
        age of the segments of a use case.
        """
        wait = TICK_SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                if self._failure is not None:
                    await self.probe()
                self._spool.seal_old(age_of)
                result = await self._upload()
            except Exception:  # the task must survive any error
                logger.exception("the inference log was not uploaded; it stays on disk")
                result = UploadResult(failed=1)
            wait = min(wait * 2, MAX_BACKOFF_SECONDS) if result.failed else TICK_SECONDS

    async def flush(self) -> UploadResult:
        """Upload every record appended so far.

        Raises:
            UpstreamUnavailable: some segments stayed on disk.
        """
        self._spool.seal()
        result = await self._upload()
        if result.failed:
            raise UpstreamUnavailable(
                f"{result.failed} segments of the inference log could not be uploaded and stay "
                "on disk; check that the blob store can be reached, then flush again"
            )
        return result

    async def close(self, seconds: float) -> None:
        """Upload for at most `seconds`; the next process uploads the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self.flush()
        except (TimeoutError, UpstreamUnavailable) as error:
            logger.warning("the inference log is incomplete in the blob store: %s", error)
        finally:
            self._spool.close()

    def _set_failure(self, error: SpoolUnavailable | None) -> None:
        """Remember the outcome of the last write, and log it when it changes."""
        before, self._failure = self._failure, str(error) if error else None
        if error and before is None:
            logger.error("%s: %s", self._spool.folder, error, exc_info=error)
        elif error is None and before is not None:
            logger.info("%s is writable again", self._spool.folder)

    async def _upload(self) -> UploadResult:
        async with self._uploading:
            results = [await self._upload_one(segment) for segment in self._spool.sealed]
        return UploadResult(
            sum(result.segments for result in results),
            sum(result.records for result in results),
            sum(result.failed for result in results),
        )

    async def _upload_one(self, segment: SealedSegment) -> UploadResult:
        try:
            uploaded = await self._upload_segment(segment.file)
        except InvalidInput as error:
            target = self._spool.reject(segment)
            logger.warning("moved a segment that cannot be uploaded to %s: %s", target, error)
            return UploadResult()
        except (PlatformError, OSError) as error:
            self._metrics.count_upload_failure()
            logger.warning("%s stays on disk: %s", segment.file.name, error)
            return UploadResult(failed=1)
        if uploaded.damaged:
            self._metrics.count_damaged(uploaded.damaged)
            logger.warning("%s: dropped %d unfinished records", segment.file.name, uploaded.damaged)
        self._spool.remove(segment)
        return UploadResult(1, uploaded.rows)
