"""The components of the gateway, and how they start and stop together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from api_gateway.auth.keys import ApiKeys, Caller
from api_gateway.auth.rate_limit import RateLimit
from api_gateway.operations.health import Health
from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.predictor import Predictor
from api_gateway.predict.shadow import ShadowQueue
from api_gateway.predictions.records import RecordAccess
from api_gateway.releases.access import ReleaseAccess
from api_gateway.routing.catalog import Catalog
from api_gateway.routing.state_file import GatewayStateFile
from api_gateway.routing.upstream import ServiceClients
from api_gateway.settings import GatewaySettings
from platform_core.batch import BatchJobs
from platform_core.ports.blob_store import BlobStore
from records import InferenceLog
from records.log.workers import RecordWorker
from use_cases import UseCase, use_case


@dataclass(frozen=True)
class Gateway:
    """The components that the routes use."""

    settings: GatewaySettings
    store: BlobStore
    keys: ApiKeys
    rate_limit: RateLimit
    upstream: ServiceClients
    log: InferenceLog
    catalog: Catalog
    health: Health
    jobs: BatchJobs
    predictor: Predictor
    shadows: ShadowQueue
    state_file: GatewayStateFile
    metrics: GatewayMetrics
    releases: ReleaseAccess
    records: RecordAccess
    worker: RecordWorker

    @property
    def default_use_case(self) -> UseCase:
        """The use case of `/predict`."""
        return use_case(self.settings.default_use_case)

    async def admit(self, caller: Caller) -> None:
        """Count the request; `RateLimited` (429) when the caller has reached a limit."""
        await self.rate_limit.admit(caller)

    def _segment_age(self, use_case: str) -> timedelta:
        """Return how old segments of a use case get: while a canary or shadow serves, its
        evidence must be recent.
        """
        on_trial = use_case in self.catalog.on_trial
        settings = self.settings
        seconds = settings.spool_trial_seconds if on_trial else settings.spool_segment_seconds
        return timedelta(seconds=seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the background tasks; at the end upload the inference log to the blob store."""
        self.metrics.watch(
            lambda: self.log.backlog,
            lambda: self.catalog.reports,
            lambda: self.catalog.quality_reports,
            lambda: self.catalog.drill,
            lambda: self.health.known_services,
        )
        background = (
            self.log.run(self._segment_age),
            self.shadows.run(),
            self.catalog.keep_fresh(self.settings.refresh_seconds, self.state_file.update),
            self.jobs.supervisor.run(
                self.settings.batch_supervise_seconds, self.metrics.observe_jobs
            ),
        )
        worker = asyncio.create_task(self.worker.run())
        tasks = [asyncio.create_task(task) for task in background]
        try:
            yield
        finally:
            await _cancel(tasks)
            await self.log.close(self.settings.shutdown_seconds)
            await _cancel([worker])
            await self.state_file.remove()
            self.upstream.close()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
