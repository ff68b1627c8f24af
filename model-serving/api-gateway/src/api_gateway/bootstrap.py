"""The composition root: from settings to a gateway."""

from api_gateway.auth.keys import ApiKeys
from api_gateway.auth.rate_limit import RateLimit
from api_gateway.gateway import Gateway
from api_gateway.operations.health import Health
from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.predictor import PredictionLimits, Predictor
from api_gateway.predict.shadow import ShadowQueue
from api_gateway.predictions.records import open_records
from api_gateway.releases.access import ReleaseAccess
from api_gateway.routing.catalog import Catalog
from api_gateway.routing.circuit import CircuitBreakingClients, CircuitLimits
from api_gateway.routing.state_file import GatewayStateFile, gateway_id
from api_gateway.settings import GatewaySettings
from platform_core.adapters import connect
from platform_core.batch import BatchJobs, JobSupervisor
from platform_core.clock import Clock, SystemClock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner
from platform_core.settings import RaySettings, ServingSettings, StorageSettings


def build() -> Gateway:
    """Return the gateway with the settings of this process."""
    store, runner = connect.blob_store(StorageSettings()), connect.job_runner(RaySettings())
    return assemble(GatewaySettings(), ServingSettings(), store, runner, SystemClock())


def assemble(
    settings: GatewaySettings,
    serving: ServingSettings,
    store: BlobStore,
    runner: JobRunner,
    clock: Clock,
) -> Gateway:
    """Return a gateway with the given adapters; it locks its spool folder."""
    keys = ApiKeys(settings.api_keys_file, settings.allow_development_keys)
    rate_limit, metrics = RateLimit(settings.rate_limit, settings.quota), GatewayMetrics()
    circuits = CircuitLimits(settings.circuit_failures, settings.circuit_seconds)
    wait, connections = settings.upstream_timeout_seconds, settings.upstream_connections
    upstream = CircuitBreakingClients(serving, wait, connections, circuits)
    catalog = Catalog(store, clock)
    log, worker, records = open_records(settings, store, metrics, clock)
    releases = ReleaseAccess(store, catalog, clock)
    health = Health(catalog, upstream, log, runner, releases.changes, clock)
    supervisor = JobSupervisor(store, runner, clock, settings.batch_max_attempts)
    jobs = BatchJobs(store, supervisor, clock)
    # A quarter of all requests in flight is always left for other use cases and environments.
    waiting = max(1, settings.max_in_flight * 3 // 4)
    concurrency = PredictionLimits(connections, waiting)
    shadows = ShadowQueue(upstream, log, metrics, settings.shadow_queue_records)
    predictor = Predictor(catalog, upstream, log, metrics, clock, concurrency, shadows)
    state_file = GatewayStateFile(gateway_id(settings.spool_folder), store, catalog, clock)
    own = (settings, store, keys, rate_limit, upstream, log, catalog, health, jobs, predictor)
    return Gateway(*own, shadows, state_file, metrics, releases, records, worker)
