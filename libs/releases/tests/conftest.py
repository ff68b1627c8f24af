"""Fixtures: small real servers, and everything that a change of a release touches."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from kserve_cluster import NAMESPACE, Cluster, Pods, deployer_rules, template
from kubernetes_api.server import ApiServer

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.ledger import Ledger
from platform_core.open_inference import (
    FEATURES,
    PREDICTION,
    PROBABILITIES,
    batch_from_tensors,
    number_block,
)
from platform_core.settings import ServingSettings
from platform_core.storage import release_path
from platform_core.storage.model_repository import ServerPool, pointer_folder
from releases.changes import NeededServices, RegistryRecords, ReleaseService, Servers
from releases.changes.needed import assignments
from releases.deployers import DeployableRelease
from releases.deployers.kserve.connect import api_client
from releases.deployers.memory import MemoryDeployer
from scoring import Scorer, load_release
from scoring.testing import store_test_rows
from use_cases import assemble, use_case

PRODUCTION = Environment.PRODUCTION
START = datetime(2026, 1, 5, tzinfo=UTC)
WARM = timedelta(minutes=30)
Answer = tuple[int, dict[str, str], object]


@contextmanager
def listening(answer: Callable[[str, str, dict, bytes], Answer], port: int = 0) -> Iterator[str]:
    """Serve `answer(method, path, headers, body)` on a port, by default a free one; yields the
    URL.
    """

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = answer(self.command, self.path, self.headers, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class V2Peer:
    """One server of one environment: reads pointers and really loads and verifies releases."""

    store: LocalBlobStore
    folder: Path
    scorers: dict[str, Scorer] = field(default_factory=dict)
    loads: int = 0
    never_ready: bool = False

    def __call__(self, _method: str, path: str, _headers: dict, body: bytes) -> Answer:
        if path.startswith("/v2/repository/models/"):
            name, action = path.removeprefix("/v2/repository/models/").split("/")
            return self.load(name) if action == "load" else self.unload(name)
        name, _, rest = path.removeprefix("/v2/models/").partition("/")
        if name not in self.scorers:
            return 404, {}, {"error": f"there is no model {name}"}
        if rest == "ready":
            return (503 if self.never_ready else 200), {}, {"ready": not self.never_ready}
        if rest == "infer":
            return self.infer(self.scorers[name], json.loads(body))
        return 200, {}, {"name": name, "versions": [self.scorers[name].release_id]}

    def load(self, name: str) -> Answer:
        self.loads += 1
        file = self.folder / f"{name}.json"
        if not file.exists():
            return 404, {}, {"error": f"no release of {name} is deployed"}
        pointer = json.loads(file.read_bytes())
        case = name.partition("-")[0]
        try:
            release = load_release(self.store, case, pointer["release_id"])
            self.scorers[name] = Scorer(release, use_case(case))
        except PlatformError as error:
            return 409, {}, {"error": str(error)}
        return 200, {}, {"name": name, "load": True}

    def unload(self, name: str) -> Answer:
        known = self.scorers.pop(name, None)
        return (200 if known else 404), {}, {"name": name}

    def infer(self, scorer: Scorer, request: dict) -> Answer:
        case = use_case(scorer.manifest.use_case)
        features = assemble(case, batch_from_tensors(request["inputs"], case.record_schema))
        scores = scorer.score_features(features)
        outputs = {PROBABILITIES: scores.probabilities, FEATURES: number_block(features)}
        tensors = [
            {"name": n, "datatype": "FP32", "shape": v.shape, "data": v.ravel().tolist()}
            for n, v in outputs.items()
        ]
        decided = {"name": PREDICTION, "datatype": "BYTES", "shape": [len(scores.decided)]}
        tensors.append({**decided, "data": list(scores.decided)})
        parameters = {"release_id": scorer.release_id, "model_version": "", "degraded": False}
        return 200, {}, {"outputs": tensors, "parameters": parameters}


@dataclass(frozen=True)
class V2Peers:
    """Both environments' servers and the settings that reach them."""

    repository: Path
    settings: ServingSettings
    peers: dict[Environment, V2Peer]
    candidates: dict[Environment, V2Peer]


@pytest.fixture
def v2_peers(blob_store: LocalBlobStore, tmp_path: Path) -> Iterator[V2Peers]:
    """Small servers of stable releases and of candidates, with the V2 repository API."""
    repository = tmp_path / "repository"
    peers, candidates = (
        {e: V2Peer(blob_store, pointer_folder(repository, e, pool)) for e in Environment}
        for pool in ServerPool
    )
    with ExitStack() as servers:
        urls = {
            f"{kind}_url_{environment}": servers.enter_context(listening(peer))
            for kind, group in (("inference", peers), ("candidate", candidates))
            for environment, peer in group.items()
        }
        yield V2Peers(repository, ServingSettings(**urls), peers, candidates)


@pytest.fixture
def pods(blob_store: LocalBlobStore) -> Iterator[tuple[Pods, str]]:
    """What the pods of a cluster answer, and where."""
    pods = Pods(blob_store)
    with listening(pods) as url:
        yield pods, url


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    """A Kubernetes API server with the deployer's role and the templates of `iris`."""
    server = ApiServer(deployer=deployer_rules())
    server.start()
    for environment in Environment:
        server.store.create(NAMESPACE, template(environment), "kubectl")
    yield server
    server.stop()


@pytest.fixture
def cluster(api_server: ApiServer, pods: tuple[Pods, str], tmp_path: Path) -> Iterator[Cluster]:
    """A cluster on that server, with KServe's controller running."""
    clients = (api_client(api_server.kubeconfig(tmp_path, r)) for r in ("deployer", "controller"))
    with Cluster(*clients, *pods).running() as cluster:
        yield cluster


@pytest.fixture
def serve() -> Callable[..., object]:
    """Return `listening`, for tests with a server of their own."""
    return listening


class FlakyRegistry(MemoryRegistry):
    """A registry that can be down, and lose its versions."""

    down = False

    def versions(self, use_case):
        if self.down:
            raise UpstreamUnavailable("the registry does not answer")
        return super().versions(use_case)

    def forget(self, use_case, release):
        """Delete the version of a release with its aliases, as MLflow does."""
        with self._lock:
            version = self.find(use_case, release)
            for environment in version.aliases:
                del self._aliases[use_case, environment]
            kept = [v for v in self._versions[use_case] if v.release_id != release]
            self._versions[use_case] = kept


class FlakyDeployer(MemoryDeployer):
    """A deployer whose servers are too slow for some releases."""

    slow = ()

    def ensure(self, environment, release, role):
        if release.release_id in self.slow:
            raise UpstreamUnavailable("it did not answer in time")
        super().ensure(environment, release, role)


class DeployerSmokeTest:
    """Asks the deployer for the release; `before_check` runs once before and may raise."""

    def __init__(self, deployer):
        self.deployer = deployer
        self.before_check = None

    def check(self, case, environment, release_id, role):
        callback, self.before_check = self.before_check, None
        if callback:
            callback()
        if self.deployer.scorer(environment, case.name, release_id, role) is None:
            raise Refused("smoke test: another release answered")


class World:
    """Everything a change touches, with a dataset version to compare releases on."""

    def __init__(self, store, make_release, folder):
        self.store = store
        self.make_release = make_release
        self.model = folder / "model.onnx"
        self.clock = ManualClock(START)
        self.registry = FlakyRegistry()
        self.deployer = FlakyDeployer(store)
        self.smoke = DeployerSmokeTest(self.deployer)
        self.ledger = Ledger(store, self.clock)
        self.requests = count()
        store_test_rows(store, "iris", "spam")

    @property
    def service(self):
        records = RegistryRecords(self.store, self.registry, self.ledger)
        needed = NeededServices(self.store, self.clock, WARM)
        servers = Servers(self.store, self.deployer, records, self.ledger, needed)
        return ReleaseService(self.store, self.ledger, servers, self.smoke, records)

    def request(self, action, release=None, environment=PRODUCTION, case="iris", **more):
        return ChangeRequest(
            change_id=f"change{next(self.requests)}",
            created_at=self.clock.now(),
            use_case=case,
            environment=environment,
            action=action,
            release_id=release,
            actor="tester",
            reason="because",
            **more,
        )

    def apply(self, action, release=None, environment=PRODUCTION, case="iris", **more):
        return self.take(self.service, self.request(action, release, environment, case, **more))

    def take(self, service, request):
        """Apply a change and update the registry, as the release controller does."""
        change = service.apply(request)
        with suppress(PlatformError):
            service.update_records(request.use_case)
        return change

    def promote(self, release=None, **more):
        return self.apply(Action.PROMOTE, release, **more)

    def rollback(self, **more):
        return self.apply(Action.ROLLBACK, **more)

    def release(self, seed=0, case="iris"):
        return self.register(self.make_release(self.store, case, seed))

    def register(self, release):
        name = release.manifest.use_case
        self.model.write_bytes(release.model)
        uri = self.store.uri(release_path(name, release.id))
        self.registry.register(name, release.id, uri, self.model, None, {})
        return release.id

    def state(self, environment=PRODUCTION, case="iris"):
        return self.ledger.state(case, environment)

    def running(self, environment=PRODUCTION, case="iris"):
        return self.deployer.running(environment, case)

    def serves(self, release, role=ServingRole.STABLE, environment=PRODUCTION, case="iris"):
        """Put a service there as a process that died has left it."""
        uri = self.store.uri(release_path(case, release))
        deployable = DeployableRelease(case, release, uri)
        MemoryDeployer.ensure(self.deployer, environment, deployable, role)
        return deployable

    def served(self, environment=PRODUCTION, case="iris"):
        """Return the stable release that ledger, registry and servers agree on."""
        state = self.state(environment, case)
        alias = self.registry.alias(case, environment)
        assert (alias.release_id if alias else None) == state.stable, "the alias differs"
        assert self.deployer.is_stable(environment, case, state.stable), "the plain name differs"
        missing = set(assignments(state)) - self.running(environment, case)
        assert not missing, f"not served: {missing}"
        return state.stable

    def last(self, environment=PRODUCTION, case="iris"):
        return self.ledger.entries(case, environment)[-1].change

    def count(self, environment=PRODUCTION, case="iris"):
        return len(self.ledger.entries(case, environment))


@pytest.fixture
def world(blob_store, make_release, tmp_path):
    return World(blob_store, make_release, tmp_path)
