"""Fixtures: small real servers, and everything that a change of a release touches."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.ledger import Ledger
from platform_core.parquet import write_table
from platform_core.settings import ServingSettings
from platform_core.storage import release_path
from releases.changes import ReleaseService
from releases.deployers.environment_memory import EnvironmentMemoryDeployer
from scoring import Scorer, load_release
from use_cases import assemble, use_case

PRODUCTION = Environment.PRODUCTION
DATASET = "0" * 16
Answer = tuple[int, dict[str, str], object]


@contextmanager
def listening(answer: Callable[[str, str, dict, bytes], Answer]) -> Iterator[str]:
    """Serve `answer(method, path, headers, body)` on a free port; yields the URL."""

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
    """One environment's server: reads pointers and really loads and verifies releases."""

    store: LocalBlobStore
    folder: Path
    scorers: dict[str, Scorer] = field(default_factory=dict)
    loads: int = 0
    never_ready: bool = False

    def __call__(self, _method: str, path: str, *_: object) -> Answer:
        if path.startswith("/v2/repository/models/"):
            name, action = path.removeprefix("/v2/repository/models/").split("/")
            return self.load(name) if action == "load" else self.unload(name)
        name, _, rest = path.removeprefix("/v2/models/").partition("/")
        if name not in self.scorers:
            return 404, {}, {"error": f"there is no model {name}"}
        if rest == "ready":
            return (503 if self.never_ready else 200), {}, {"ready": not self.never_ready}
        return 200, {}, {"name": name, "versions": [self.scorers[name].release_id]}

    def load(self, name: str) -> Answer:
        self.loads += 1
        pointer = json.loads((self.folder / f"{name}.json").read_bytes())
        try:
            release = load_release(self.store, name, pointer["release_id"])
            self.scorers[name] = Scorer(release, use_case(name))
        except PlatformError as error:
            return 409, {}, {"error": str(error)}
        return 200, {}, {"name": name, "load": True}

    def unload(self, name: str) -> Answer:
        known = self.scorers.pop(name, None)
        return (200 if known else 404), {}, {"name": name}


@dataclass(frozen=True)
class V2Peers:
    """Both environments' servers and the settings that reach them."""

    repository: Path
    settings: ServingSettings
    peers: dict[Environment, V2Peer]


@pytest.fixture
def v2_peers(blob_store: LocalBlobStore, tmp_path: Path) -> Iterator[V2Peers]:
    """Two small servers with the V2 repository API."""
    repository = tmp_path / "repository"
    peers = {e: V2Peer(blob_store, repository / e) for e in Environment}
    staging, production = (listening(peers[e]) for e in Environment)
    with staging as staging_url, production as production_url:
        settings = ServingSettings(
            inference_url_staging=staging_url, inference_url_production=production_url
        )
        yield V2Peers(repository, settings, peers)


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


class FlakyDeployer(EnvironmentMemoryDeployer):
    """A deployer whose servers are too slow for some releases."""

    slow = ()

    def deploy(self, use_case, environment, release_id, release_uri, model_version):
        if release_id in self.slow:
            raise UpstreamUnavailable("it did not answer in time")
        super().deploy(use_case, environment, release_id, release_uri, model_version)


class DeployerSmokeTest:
    """Asks the deployer for the served release; `before_check` runs once before and may raise."""

    def __init__(self, deployer):
        self.deployer = deployer
        self.before_check = None

    def check(self, case, environment, release_id):
        callback, self.before_check = self.before_check, None
        if callback:
            callback()
        if self.deployer.served(case.name, environment) != release_id:
            raise Refused("smoke test: another release answered")


class World:
    """Everything a change touches, with a dataset version to compare releases on."""

    def __init__(self, store, make_release, folder):
        self.store = store
        self.make_release = make_release
        self.model = folder / "model.onnx"
        self.registry = FlakyRegistry()
        self.deployer = FlakyDeployer(store)
        self.smoke = DeployerSmokeTest(self.deployer)
        self.ledger = Ledger(store, ManualClock(datetime(2026, 1, 5, tzinfo=UTC)))
        put_test_rows(store)

    @property
    def service(self):
        return ReleaseService(self.store, self.registry, self.deployer, self.smoke, self.ledger)

    def release(self, seed=0, case="iris"):
        return self.register(self.make_release(self.store, case, seed))

    def register(self, release):
        name = release.manifest.use_case
        self.model.write_bytes(release.model)
        uri = self.store.uri(release_path(name, release.id))
        self.registry.register(name, release.id, uri, self.model, None, {})
        return release.id

    def served(self, environment=PRODUCTION, case="iris"):
        """Return the release that ledger, registry and server agree on."""
        alias = self.registry.alias(case, environment)
        named = {
            self.ledger.active(case, environment),
            alias.release_id if alias else None,
            self.deployer.served(case, environment),
        }
        assert len(named) == 1, f"ledger, alias and server disagree: {named}"
        return named.pop()

    def last(self, environment=PRODUCTION, case="iris"):
        return self.ledger.entries(case, environment)[-1].change

    def count(self, environment=PRODUCTION, case="iris"):
        return len(self.ledger.entries(case, environment))


@pytest.fixture(scope="session")
def write_test_rows():
    """Return a function that writes the dataset version to compare releases on."""
    return put_test_rows


def put_test_rows(store):
    for case in map(use_case, ("iris", "spam")):
        path = f"training-data/{case.name}/{DATASET}/features.parquet"
        write_table(store, path, features(case))


def features(case):
    table = case.training().generate(200, 99).combine_chunks()
    batch = assemble(case, table.select(case.record_schema.names).to_batches()[0])
    labels = table[case.training().label.column].combine_chunks()
    rows = pa.Table.from_batches([batch]).append_column("label", labels)
    return rows.append_column("part", pa.array(["test"] * table.num_rows))


@pytest.fixture
def world(blob_store, make_release, tmp_path):
    return World(blob_store, make_release, tmp_path)
