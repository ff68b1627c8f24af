"""A gateway on a real socket, and a real V2 server behind it that computes with real releases."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from aiohttp import web

from api_gateway.auth.keys import hash_key
from api_gateway.bootstrap import assemble
from api_gateway.gateway import Gateway
from api_gateway.http.app import create_app
from api_gateway.http.connections import ConnectionLimits, limited_protocol
from api_gateway.settings import GatewaySettings
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.job_runner.memory import MemoryJobRunner
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus, LedgerEntry
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import ServingState, model_name
from platform_core.ledger import Ledger
from platform_core.open_inference import batch_from_tensors
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import ServingSettings
from platform_core.storage import release_path
from platform_core.testing.processes import PLAIN_HTTP
from records import read_log
from scoring import Release, Scorer, build_release, store_release
from use_cases import number_block, use_case

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
MODEL_VERSION = "7"
KEYS = {
    "viewer": "a-viewers-secret",
    "operator": "an-operators-secret",
    "admin": "an-admins-secret",
}
SPAM = {
    "email_id": "1",
    "subject": "Win $1000!",
    "body": "Click here now",
    "sender": "promo@test.com",
}
IRIS = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture
def spam() -> dict[str, Any]:
    return dict(SPAM)


@pytest.fixture
def iris() -> dict[str, Any]:
    return {"features": list(IRIS["features"])}


@pytest.fixture
def keys() -> dict[str, str]:
    return dict(KEYS)


@pytest.fixture(scope="session")
def releases(trained: Callable[..., bytes]) -> dict[str, Release]:
    return {
        name: build_release(use_case(name), trained(name, 0), b"", None)
        for name in ("spam", "iris")
    }


@pytest.fixture(scope="session")
def scorers(releases: dict[str, Release]) -> dict[str, Scorer]:
    return {name: Scorer(release, use_case(name)) for name, release in releases.items()}


@dataclass
class V2Server:
    """Serves releases by V2, or misbehaves by `fault`; it waits while `gate` is not set.

    `scorers` by model name; `named` are the release ids of those that bear another one than their
    own. `requests` are what it was asked.
    """

    scorers: dict[str, Scorer]
    fault: Callable[[], Awaitable[web.Response]] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def remove(self, use_case_name: str) -> None:
        """Stop serving the releases of a use case."""
        for name in [n for n in self.scorers if n.rpartition("-")[0] == use_case_name]:
            del self.scorers[name]

    async def infer(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport.get_extra_info("peername"))
        scorer = self.scorers.get(request.match_info["model"])
        if scorer is None:
            return web.json_response({"error": "no such model"}, status=404)
        body = await request.json()
        model = request.match_info["model"]
        self.requests.append({"headers": dict(request.headers), "model": model, **body})
        await self.gate.wait()
        if self.fault is not None:
            return await self.fault()
        return web.json_response(_infer(scorer, body, self.named.get(model)))

    async def metadata(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        if name not in self.scorers:
            return web.json_response({"error": "no such model"}, status=404)
        release = self.versions.get(name, self.scorers[name].release_id)
        return web.json_response({"name": name, "versions": [release]})


def _infer(scorer: Scorer, body: dict[str, Any], release_id: str | None) -> dict[str, Any]:
    case = use_case(scorer.manifest.use_case)
    scores = scorer.score(batch_from_tensors(body["inputs"], case.record_schema))
    rows, classes = scores.probabilities.shape
    outputs = [
        {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": [rows, classes],
            "data": scores.probabilities.ravel().tolist(),
        },
        {
            "name": "prediction",
            "datatype": "BYTES",
            "shape": [rows],
            "data": scores.predictions.to_pylist(),
        },
    ]
    assert body["parameters"] == {"return_features": True}
    block = number_block(scores.features)
    data = block.ravel().tolist()
    outputs.append(
        {"name": "features", "datatype": "FP32", "shape": list(block.shape), "data": data}
    )
    release_id = release_id or scorer.release_id
    parameters = {"release_id": release_id, "model_version": MODEL_VERSION}
    return {
        "id": body["id"],
        "model_name": case.name,
        "outputs": outputs,
        "parameters": {**parameters, "degraded": False},
    }


@pytest.fixture
async def v2(scorers: dict[str, Scorer]) -> AsyncIterator[SimpleNamespace]:
    """Start the server of stable releases; gives `server` and `url`."""
    models = {model_name(name, scorer.release_id): scorer for name, scorer in scorers.items()}
    async with _serving(models) as started:
        yield started


@pytest.fixture
async def candidates() -> AsyncIterator[SimpleNamespace]:
    """Start the server of canaries and shadows, which has none yet."""
    async with _serving({}) as started:
        yield started


@asynccontextmanager
async def _serving(models: dict[str, Scorer]) -> AsyncIterator[SimpleNamespace]:
    server = V2Server(models)
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v2/models/{model}/infer", server.infer)
    app.router.add_get("/v2/models/{model}", server.metadata)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]

    async def stop() -> None:
        """Stop listening, and close every connection."""
        await site.stop()
        for connection in connections():
            connection.close()

    def connections() -> list[Any]:
        return [handler.transport for handler in runner.server.connections]

    url = f"http://127.0.0.1:{port}"
    yield SimpleNamespace(server=server, url=url, stop=stop, connections=connections)
    await runner.cleanup()


def _write_keys(file: Path, keys: dict[str, str], **limits: dict[str, str]) -> None:
    """Write one key a role; `limits` are further fields of it, by role."""
    entries = [
        {"name": f"test-{r}", "role": r, "sha256": hash_key(k), **limits.get(r, {})}
        for r, k in keys.items()
    ]
    file.write_text(json.dumps(entries))


@pytest.fixture
def activate() -> Callable[[BlobStore, Release, Environment], None]:
    return _activate


def _activate(store: BlobStore, release: Release, environment: Environment) -> None:
    """Store a release and write to the ledger that `environment` serves it."""
    name = release.manifest.use_case
    lineage = Lineage(
        release_id=release.id,
        created_at=NOON,
        dataset_version="d" * 16,
        data_source="generated",
        pipeline_run="run",
        candidate="first",
        parameters={},
        metrics={"f1": 0.97},
    )
    store_release(store, release_path(name, release.id), release, lineage)
    _set_state(store, name, environment, ServingState(stable=release.id))


@pytest.fixture
def set_state() -> Callable[..., LedgerEntry]:
    return _set_state


def _set_state(
    store: BlobStore,
    name: str,
    environment: Environment,
    state: ServingState,
    time: datetime = NOON,
) -> LedgerEntry:
    """Write to the ledger that `environment` serves this since `time`."""
    change = Change(
        use_case=name,
        environment=environment,
        action=Action.DEPLOY,
        actor="test",
        change_id="c1",
        from_state=ServingState(),
        to_state=state,
        reason="test",
        status=ChangeStatus.APPLIED,
    )
    return Ledger(store, ManualClock(time)).append(change)


@dataclass
class Running:
    """A gateway that listens; `client` sends the operator's key unless told otherwise."""

    gateway: Gateway
    client: httpx.AsyncClient
    store: LocalBlobStore
    runner: MemoryJobRunner
    clock: ManualClock
    keys_file: Path
    spool: Path
    v2: SimpleNamespace

    async def ask(self, method: str, path: str, role: str = "operator", **rest: Any) -> Any:
        headers = {"X-API-Key": KEYS[role], **rest.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **rest)

    async def predict(self, record: Any = None, path: str = "/predict", **rest: Any) -> Any:
        return await self.ask("POST", path, json=SPAM if record is None else record, **rest)

    def write_keys(self, keys: dict[str, str], **limits: dict[str, str]) -> None:
        _write_keys(self.keys_file, keys, **limits)

    async def logged(self, name: str = "spam", environment: str = "staging") -> list[dict]:
        """Return everything in the log by now."""
        flushed = await self.ask("POST", "/admin/inference-log/flush", "admin")
        assert flushed.status_code == 200, flushed.text
        hour = NOON.replace(minute=0), NOON.replace(hour=13, minute=0)
        batches = read_log(self.store, name, environment, *hour)
        return [row for batch in batches for row in batch.to_pylist()]


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free port. `Server.run` looks for its end every 0.1 s; tests do not wait."""
    settings = gateway.settings
    limits = ConnectionLimits(settings.max_connections, settings.head_timeout_seconds)
    config = uvicorn.Config(
        create_app(gateway),
        host="127.0.0.1",
        port=0,
        log_config=None,
        http=limited_protocol(limits),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=20, verify=PLAIN_HTTP) as client:
        yield client
    while server.server_state.connections:
        await asyncio.sleep(0.001)
    await server.shutdown()


@pytest.fixture
async def serve(
    tmp_path: Path,
    v2: SimpleNamespace,
    candidates: SimpleNamespace,
    blob_store: LocalBlobStore,
    releases: dict[str, Release],
) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Return a function that starts a gateway with these settings; keywords `store`, `runner`.

    The ledger names the releases of the use cases `served` in both environments.
    """
    async with AsyncExitStack() as stack:

        async def start(
            store: BlobStore = blob_store,
            runner: Any = None,
            served: Sequence[str] = ("spam", "iris"),
            **settings: Any,
        ) -> Running:
            for name, environment in product(served, Environment):
                if Ledger(store, ManualClock(NOON)).active(name, environment) is None:
                    _activate(store, releases[name], environment)
            keys_file = tmp_path / "keys.json"
            _write_keys(keys_file, KEYS)
            given = {
                "api_keys_file": keys_file,
                "spool_folder": tmp_path / "spool",
                "record_index_file": tmp_path / "records.db",
                "refresh_seconds": 600,
                "batch_supervise_seconds": 600,
                "shutdown_seconds": 5,
                **settings,
            }
            runner = runner or MemoryJobRunner()
            clock = ManualClock(NOON)
            serving = ServingSettings(
                inference_url_staging=v2.url,
                inference_url_production=v2.url,
                candidate_url_staging=candidates.url,
                candidate_url_production=candidates.url,
            )
            gateway = assemble(GatewaySettings(**given), serving, store, runner, clock)
            client = await stack.enter_async_context(listening(gateway))
            if served:
                await gateway.catalog.refresh()
            spool = gateway.settings.spool_folder
            return Running(gateway, client, store, runner, clock, keys_file, spool, v2)

        yield start


@pytest.fixture
async def running(serve: Callable[..., Awaitable[Running]]) -> Running:
    return await serve()


@pytest.fixture
async def nothing_served(serve: Callable[..., Awaitable[Running]]) -> Running:
    """Return a gateway without any release."""
    return await serve(served=())
