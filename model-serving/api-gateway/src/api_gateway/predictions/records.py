"""The record index as the gateway uses it."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from api_gateway.settings import GatewaySettings
from platform_core.clock import Clock
from platform_core.ports.blob_store import BlobStore
from records import InferenceLog
from records.feedback import Feedback, LabelIntake, SentLabel
from records.index import Indexer, RecordIndex
from use_cases import UseCase

logger = logging.getLogger(__name__)

INDEXER = (sys.executable, "-m", "records")
RESTART_SECONDS = 5.0


class RecordAccess:
    """Reads the index, and keeps it up to date: in a process of its own, or before each read."""

    def __init__(
        self, settings: GatewaySettings, store: BlobStore, log: InferenceLog, clock: Clock
    ) -> None:
        self._log = log
        self._clock = clock
        self._index = RecordIndex(settings.record_index_file)
        self._indexer = Indexer(self._index, store, clock, settings.record_search_text)
        self._own_process = settings.record_index_seconds > 0

    async def current(self) -> RecordIndex:
        """Return the index; without an indexing process it is updated first.

        Raises:
            UpstreamUnavailable: the blob store cannot be reached.
        """
        if not self._own_process:
            await asyncio.to_thread(self._indexer.update)
        return self._index

    async def take_labels(
        self, case: UseCase, sent: Sequence[SentLabel], said_by: str
    ) -> Feedback:
        """Decide on labels and append those that are to be stored.

        Raises:
            SpoolUnavailable: they cannot be written.
            UpstreamUnavailable: the index cannot be read.
        """
        intake = LabelIntake(case, await self.current(), self._clock.now(), said_by)
        feedback = await asyncio.to_thread(intake.decide, sent)
        self._log.append_labels(feedback.stored)
        await asyncio.to_thread(self._index.add_labels, feedback.stored)
        return feedback

    async def run(self) -> None:
        """Keep the indexing process running until cancelled."""
        while self._own_process:
            process = await asyncio.create_subprocess_exec(*INDEXER)
            try:
                code = await process.wait()
            finally:
                if process.returncode is None:
                    process.terminate()
            logger.error("the indexer ended with exit code %s; it is started again", code)
            await asyncio.sleep(RESTART_SECONDS)
