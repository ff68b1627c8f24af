"""The record index as the gateway uses it."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from api_gateway.errors import PredictionErased, PredictionNotFound
from api_gateway.predictions.replay import Replays
from api_gateway.settings import GatewaySettings
from platform_core.clock import Clock
from platform_core.contracts.inference_record import InferenceRecord
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import InvalidInput, UpstreamUnavailable
from platform_core.ports.blob_store import BlobStore
from records import InferenceLog, LogMetrics, Spool
from records.index import Indexer, RecordIndex, RecordPage, RecordQuery, search
from records.labels.intake import Feedback, LabelIntake, SentLabel
from records.log.workers import ProcessWorker, RecordWorker, ThreadWorker
from records.lookup import RecordLookup
from use_cases import UseCase, use_case

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundPrediction:
    """The answer of a prediction and its labels, first the one that counts; the record of the
    shadow that mirrored it, and of the canary that failed to answer.
    """

    answer: InferenceRecord
    labels: list[PredictionLabel]
    shadow: InferenceRecord | None
    failed_canary: InferenceRecord | None


class RecordAccess:
    """Reads the index, which `worker` keeps up to date."""

    def __init__(
        self,
        index: RecordIndex,
        worker: RecordWorker,
        lookup: RecordLookup,
        log: InferenceLog,
        clock: Clock,
    ) -> None:
        self._index = index
        self._worker = worker
        self._lookup = lookup
        self._log = log
        self._clock = clock
        self.replays = Replays()

    async def current(self) -> RecordIndex:
        """Return the index as it is now.

        Raises:
            UpstreamUnavailable: the blob store cannot be reached.
        """
        await self._worker.index()
        return self._index

    async def take_labels(self, case: UseCase, sent: Sequence[SentLabel], said_by: str) -> Feedback:
        """Decide the outcomes of labels and append those that are stored to the log's spool.

        They are on disk when it returns. The blob store need not be reachable: a label whose record
        is not indexed yet is pending.

        Raises:
            SpoolUnavailable: they cannot be written.
            UpstreamUnavailable: the index cannot be read.
        """
        try:
            await self.current()
        except UpstreamUnavailable as error:
            logger.warning("labels are taken without the latest records: %s", error)
        intake = LabelIntake(case, self._index, self._clock.now(), said_by)
        feedback = await asyncio.to_thread(intake.decide, sent)
        self._log.append_labels(feedback.stored)
        await asyncio.to_thread(self._index.add_labels, feedback.stored)
        return feedback

    async def find(self, prediction_id: str) -> FoundPrediction:
        """Return the records and labels of a prediction.

        Raises:
            PredictionErased: it was erased.
            PredictionNotFound: there is none.
            UpstreamUnavailable: the blob store or the index cannot be read.
        """
        index = await self.current()
        if await asyncio.to_thread(index.erased, [prediction_id]):
            raise PredictionErased(f"the prediction {prediction_id} was erased")
        try:
            records = await asyncio.to_thread(self._lookup.records, prediction_id)
        except InvalidInput as error:
            raise PredictionNotFound(str(error)) from error
        if not records or not records[0].is_answer:
            raise PredictionNotFound(
                f"there is no prediction {prediction_id}; records answered by another gateway are "
                "found when they have been uploaded"
            )
        answer, *others = records
        case = use_case(answer.use_case)
        labels = await asyncio.to_thread(self._lookup.labels, case, prediction_id)
        by_role = {one.role: one for one in others}
        shadow, canary = by_role.get(ServingRole.SHADOW), by_role.get(ServingRole.CANARY)
        return FoundPrediction(answer, labels, shadow, canary)

    async def search(self, query: RecordQuery) -> RecordPage:
        """Return a page of the records that `query` describes; see `records.index.search`."""
        return await asyncio.to_thread(search, await self.current(), query)


def open_records(
    settings: GatewaySettings, store: BlobStore, metrics: LogMetrics, clock: Clock
) -> tuple[InferenceLog, RecordWorker, RecordAccess]:
    """Return the inference log, who uploads and indexes it, and access to its records.

    Raises:
        ConfigurationError: the spool's folder cannot be used.
        Conflict: another gateway uses it.
    """
    index = RecordIndex(settings.record_index_file)
    indexer = Indexer(index, store, clock, settings.record_search_text)
    own_process = settings.record_index_seconds > 0
    worker = ProcessWorker() if own_process else ThreadWorker(store, indexer)
    spool = Spool(settings.spool_folder, settings.segment_limits, clock)
    log = InferenceLog(spool, worker.upload, metrics, settings.answer_unlogged)
    lookup = RecordLookup(store, settings.spool_folder, index)
    return log, worker, RecordAccess(index, worker, lookup, log, clock)
