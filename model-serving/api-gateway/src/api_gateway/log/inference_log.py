"""The inference log: from answers to segments on disk to Parquet objects in the blob store."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import pyarrow as pa

from api_gateway.log.segments import frame, read_segment
from api_gateway.log.spool import SealedSegment, Spool
from api_gateway.operations.metrics import GatewayMetrics
from platform_core.contracts.environments import Environment
from platform_core.errors import (
    InvalidInput,
    PlatformError,
    SpoolUnavailable,
    UpstreamUnavailable,
)
from platform_core.inference_log import log_schema, records_to_table
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase, use_case

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True)
class Uploaded:
    """What went to the blob store in one pass; `failed` segments stay on disk."""

    segments: int = 0
    records: int = 0
    failed: int = 0

    def __add__(self, other: "Uploaded") -> "Uploaded":
        return Uploaded(
            self.segments + other.segments,
            self.records + other.records,
            self.failed + other.failed,
        )


class InferenceLog:
    """Keeps answers and uploads them; `run` is its background task."""

    def __init__(
        self, spool: Spool, store: BlobStore, metrics: GatewayMetrics, answer_unlogged: bool
    ) -> None:
        self._spool = spool
        self._store = store
        self._metrics = metrics
        self._answer_unlogged = answer_unlogged
        self._uploading = asyncio.Lock()
        self._failure: str | None = None

    @property
    def backlog(self) -> tuple[int, int]:
        """How many segments and bytes are not in the blob store yet."""
        return self._spool.backlog

    @property
    def failure(self) -> str | None:
        """Why the last answer, or the last probe, could not be kept; `None` when it could."""
        return self._failure

    @property
    def outage(self) -> SpoolUnavailable | None:
        """Why no answer may be given as far as is known, `None` when it may."""
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
        """Keep `records` (the fields of `InferenceRecord`), all of them or none.

        Raises:
            SpoolUnavailable: they cannot be kept, and answering unlogged is not allowed.
        """
        lines = [frame(orjson.dumps(record)) for record in records]
        try:
            self._spool.append(use_case, environment, time, lines)
        except SpoolUnavailable as error:
            self._writable(error)
            if not self._answer_unlogged:
                raise
            self._metrics.count_unlogged(len(lines))
        else:
            self._writable(None)

    async def probe(self) -> None:
        """Find out whether the spool can be written; `failure` and `outage` say so afterwards."""
        try:
            await asyncio.to_thread(self._spool.probe)
        except SpoolUnavailable as error:
            self._writable(error)
        else:
            self._writable(None)

    def _writable(self, error: SpoolUnavailable | None) -> None:
        """Remember how the last write went; tell of it when that changes."""
        before, self._failure = self._failure, str(error) if error else None
        if error and before is None:
            logger.error("%s: %s", self._spool.folder, error, exc_info=error)
        elif error is None and before is not None:
            logger.info("%s can be written again", self._spool.folder)

    async def run(self) -> None:
        """Seal what is old and upload what is sealed, until cancelled."""
        wait = TICK_SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                if self._failure is not None:
                    await self.probe()
                self._spool.seal_old()
                uploaded = await self._upload()
            except Exception:  # the task must outlive whatever happens
                logger.exception("the inference log was not uploaded; it stays on disk")
                uploaded = Uploaded(failed=1)
            wait = min(wait * 2, MAX_BACKOFF_SECONDS) if uploaded.failed else TICK_SECONDS

    async def flush(self) -> Uploaded:
        """Bring everything kept so far to the blob store.

        Raises:
            UpstreamUnavailable: some of it stayed on disk.
        """
        self._spool.seal()
        uploaded = await self._upload()
        if uploaded.failed:
            raise UpstreamUnavailable(
                f"{uploaded.failed} segments of the inference log could not be uploaded and stay "
                "on disk; check that the blob store can be reached, then flush again"
            )
        return uploaded

    async def close(self, seconds: float) -> None:
        """Upload what there is, for at most `seconds`; the rest is the next process's."""
        try:
            async with asyncio.timeout(seconds):
                await self.flush()
        except (TimeoutError, UpstreamUnavailable) as error:
            logger.warning("the inference log is not complete in the blob store: %s", error)
        finally:
            self._spool.close()

    async def _upload(self) -> Uploaded:
        async with self._uploading:
            return sum(
                [await self._upload_one(segment) for segment in self._spool.sealed], Uploaded()
            )

    async def _upload_one(self, segment: SealedSegment) -> Uploaded:
        try:
            count, damaged = await asyncio.to_thread(upload_segment, segment, self._store)
        except InvalidInput as error:
            kept = self._spool.reject(segment)
            logger.warning(
                "a segment can never be uploaded, it is set aside as %s: %s", kept, error
            )
            return Uploaded()
        except (PlatformError, OSError) as error:
            self._metrics.count_upload_failure()
            logger.warning("%s stays on disk: %s", segment.file.name, error)
            return Uploaded(failed=1)
        if damaged:
            self._metrics.count_damaged(damaged)
            logger.warning("%s: dropped %d unfinished records", segment.file.name, damaged)
        self._spool.remove(segment)
        return Uploaded(1, count)


def upload_segment(segment: SealedSegment, store: BlobStore) -> tuple[int, int]:
    """Write a segment as one Parquet object; return its records, and the lines it dropped.

    Raises:
        InvalidInput: it holds something else than records of an installed use case.
        UpstreamUnavailable: the blob store cannot be reached.
    """
    content = read_segment(segment.file)
    if content.records:
        schema = use_case_log_schema(use_case(segment.name.use_case))
        write_table(store, segment.name.object_path, records_to_table(content.records, schema))
    return len(content.records), content.damaged


@cache
def use_case_log_schema(case: UseCase) -> pa.Schema:
    """Return the columns of the inference log of a use case."""
    return log_schema(case.record_schema, case.classes)
