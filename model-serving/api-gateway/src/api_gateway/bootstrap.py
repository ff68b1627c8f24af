"""The composition root: from the environment to a gateway."""

from datetime import timedelta

from api_gateway.catalog import Catalog
from api_gateway.gateway import Gateway
from api_gateway.health import Health
from api_gateway.inference_log import InferenceLog
from api_gateway.jobs import BatchJobs
from api_gateway.keys import ApiKeys
from api_gateway.metrics import GatewayMetrics
from api_gateway.predictor import Predictor
from api_gateway.rate_limit import RateLimit
from api_gateway.settings import GatewaySettings
from api_gateway.spool import SegmentLimits, Spool
from api_gateway.supervision import Supervision
from api_gateway.upstream import InferenceServices
from platform_core.adapters import connect
from platform_core.clock import Clock, SystemClock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner
from platform_core.settings import RaySettings, ServingSettings, StorageSettings


def build() -> Gateway:
    """Return the gateway that the environment describes."""
    store, runner = connect.blob_store(StorageSettings()), connect.job_runner(RaySettings())
    return assemble(GatewaySettings(), ServingSettings(), store, runner, SystemClock())


def assemble(
    settings: GatewaySettings,
    serving: ServingSettings,
    store: BlobStore,
    runner: JobRunner,
    clock: Clock,
) -> Gateway:
    """Return a gateway over the given adapters; it holds the lock of its spool folder."""
    keys = ApiKeys(settings.api_keys_file, settings.allow_development_keys)
    rate_limit, metrics = RateLimit(settings.rate_limit), GatewayMetrics()
    age = timedelta(seconds=settings.spool_segment_seconds)
    limits = SegmentLimits(settings.spool_segment_records, age, settings.spool_segment_bytes)
    upstream = InferenceServices(
        serving, settings.upstream_timeout_seconds, settings.upstream_connections
    )
    catalog = Catalog(store, clock)
    spool = Spool(settings.spool_folder, limits, clock)
    log = InferenceLog(spool, store, metrics, settings.answer_unlogged)
    health = Health(catalog, upstream, log, runner, clock, settings.needed_environments)
    supervision = Supervision(store, runner, clock, settings.batch_max_attempts)
    jobs = BatchJobs(store, supervision, clock, settings.default_use_case)
    predictor = Predictor(upstream, log, metrics, clock, settings.upstream_connections)
    return Gateway(
        settings, keys, rate_limit, upstream, log, catalog, health, jobs, predictor, metrics
    )
