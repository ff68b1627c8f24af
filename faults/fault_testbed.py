"""The servers under test: real ones, on free ports, in a separate folder.

Staging computes features in its inference service and has a second one for canaries and shadows;
production has a separate transformer. Blob store and online store are reached through proxies that
inject faults.
"""

import json
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
from fault_proxy import Proxy
from fault_traffic import ENVIRONMENTS, USE_CASE, ExpectedPredictions

from api_gateway.auth.keys import hash_key
from baseline import baseline_bytes, build_baseline
from model_server.testing import SenderView
from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import is_answer
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.ledger import Ledger
from platform_core.settings import ServingSettings
from platform_core.storage import release_path
from platform_core.storage.model_repository import ServerPool
from platform_core.testing.processes import answers, free_port, running
from platform_core.testing.servers import (
    Azurite,
    azurite_at,
    azurite_in,
    create_containers,
    redis_in,
)
from records import read_log
from releases.changes.requests import ChangeRequests
from releases.deployers import DeployableRelease
from releases.deployers.embedded import EmbeddedDeployer
from scoring import Release, Scorer
from scoring.testing import make_release
from use_cases import use_case

ROOT = Path(__file__).parent.parent
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
MAILS, KNOWN_SENDERS, SEED = 20, 10, 11
OTHER_PROGRAMS = ("predictor", "transformer", "gateway")
FLUSH_SECONDS = 90
START_SECONDS = 150
KEYS = {name: secrets.token_hex(16) for name in ("load", "greedy", "modest", "admin")}
GREEDY_LIMIT = 20
GATEWAY = {
    "RATE_LIMIT": "100000000/minute",
    "SPOOL_SEGMENT_RECORDS": "300",
    "SPOOL_SEGMENT_SECONDS": "2",
    "REFRESH_SECONDS": "1",
    "UPSTREAM_TIMEOUT_SECONDS": "2",
    "CIRCUIT_SECONDS": "1",
    "RECORD_INDEX_SECONDS": "1",
    "RAY_ADDRESS": "127.0.0.1:1",
    "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
}


@dataclass
class Server:
    """One server; `start` starts it again with the same port and folder."""

    begin: Callable[[], AbstractContextManager[subprocess.Popen]]
    process: subprocess.Popen | None = None
    _context: AbstractContextManager[subprocess.Popen] | None = None

    def start(self) -> "Server":
        """Start it and wait until it is ready."""
        self._context = self.begin()
        self.process = self._context.__enter__()
        return self

    def kill(self) -> None:
        """`kill -9` of the process."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop it."""
        if self._context is not None:
            self._context.__exit__(None, None, None)
            self._context = None

    def restart(self) -> None:
        """Start it again after a kill."""
        self.stop()
        self.start()


class SupervisedServer(Server):
    """A server that a loop starts again whenever it has ended, as it does while it has nothing to
    serve; a kill concerns the server and not the loop.
    """

    def kill(self) -> None:
        """`kill -9` of the process, if there is one."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def restart(self) -> None:
        """Leave it to the loop."""


def supervised(server_command: str, folder: Path, settings: Mapping[str, str]) -> SupervisedServer:
    """Return a server that is started again whenever it has ended."""
    command = ["sh", "-c", f"while :; do {server_command} || sleep 0.1; done"]
    return SupervisedServer(partial(running, command, partial(bool, 1), folder, settings))


def program(
    module: str, port: int, ready: str, folder: Path, settings: Mapping[str, str]
) -> Server:
    """Return a program of the platform; it is ready when `GET ready` succeeds."""
    command = [sys.executable, "-m", module]
    is_ready = partial(answers, port, ready)
    return Server(partial(running, command, is_ready, folder, settings, START_SECONDS))


@dataclass
class Testbed:
    """All servers, with the expected predictions and the inference log."""

    home: Path
    quick: bool
    servers: dict[str, Server] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port of the gateway."""
        return self.ports["gateway"]

    def gateway_settings(self, **changes: str) -> dict[str, str]:
        """Return the environment variables of the gateway, with `changes`."""
        return {
            **GATEWAY,
            "BLOB_STORE_URL": azurite_at(self.blobs.port).account_url,
            "AZURE_STORAGE_KEY": self.azurite.account_key,
            "SPOOL_FOLDER": str(self.home / "spool"),
            "RECORD_INDEX_FILE": str(self.home / "records.db"),
            "API_KEYS_FILE": str(self.home / "keys.json"),
            "GATEWAY_PORT": str(self.port),
            "INFERENCE_URL_STAGING": self.serving.inference_url_staging,
            "INFERENCE_URL_PRODUCTION": self.serving.inference_url_production,
            "CANDIDATE_URL_STAGING": self.serving.candidate_url_staging,
            **changes,
        }

    def gateway(self, folder: str = "gateway", **changes: str) -> Server:
        """Return a gateway with changed settings, not started."""
        settings = self.gateway_settings(**changes)
        port = int(settings["GATEWAY_PORT"])
        return program("api_gateway", port, "/health/live", self.home / folder, settings)

    def controller(self, folder: str = "controller", **changes: str) -> Server:
        """Return a release controller, not started. While one runs, it removes what `deploy` starts
        before the ledger names it.
        """
        port = free_port()
        settings = {
            **self.gateway_settings(),
            "DEPLOYER_URL": (self.home / "models").as_uri(),
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",  # no change waits for the registry
            "POLICY_FOLDER": str(self.home / "no-policies"),
            "CONTROLLER_PORT": str(port),
            "CONTROLLER_JUDGE_SECONDS": "1",
            "CONTROLLER_RECONCILE_SECONDS": "2",
            "DEPLOY_TIMEOUT_SECONDS": str(START_SECONDS),
            **changes,
        }
        return program("release_controller", port, "/health/live", self.home / folder, settings)

    @contextmanager
    def another_gateway(self, **changes: str) -> Iterator[Server]:
        """Replace the gateway by one with other settings on the same port."""
        self.servers["gateway"].stop()
        server = self.gateway("other-gateway", **changes)
        try:
            yield server.start()
        finally:
            server.stop()
            self.servers["gateway"].start()

    def deploy(
        self,
        release_id: str,
        environment: Environment = Environment.STAGING,
        name: str = USE_CASE,
    ) -> None:
        """Deploy a stored release as `make promote` does."""
        uri = self.store.uri(release_path(name, release_id))
        release = DeployableRelease(name, release_id, uri, "1")
        deployer = EmbeddedDeployer(self.home / "models", self.serving, START_SECONDS)
        deployer.ensure(environment, release, ServingRole.STABLE)
        deployer.set_stable(environment, name, release)
        change = Change(
            use_case=name,
            environment=environment,
            action=Action.DEPLOY,
            actor="faults",
            change_id=secrets.token_hex(16),
            from_state=ServingState(),
            to_state=ServingState(stable=release_id),
            reason="drill",
            status=ChangeStatus.APPLIED,
        )
        clock = SystemClock()
        Ledger(self.store, clock).append(change)
        ChangeRequests(self.store, clock).wait_for_gateways(change)

    def flush(self) -> None:
        """Upload the inference log, with retries."""
        url = f"http://127.0.0.1:{self.port}/admin/inference-log/flush"
        deadline = time.monotonic() + FLUSH_SECONDS
        answer = None
        while time.monotonic() < deadline:
            answer = httpx.post(url, headers={"X-API-Key": KEYS["admin"]}, timeout=FLUSH_SECONDS)
            if answer.is_success:
                return
            time.sleep(0.5)
        raise TimeoutError(f"the inference log cannot be flushed: {answer.text if answer else ''}")

    def logged(self, name: str) -> dict[str, list[str]]:
        """Return the releases in the Parquet records of a drill, by prediction id.

        The records of shadows, and of canaries that failed, are no answers.
        """
        now = datetime.now(UTC)
        window = now - timedelta(hours=3), now + timedelta(hours=1)
        found: dict[str, list[str]] = {}
        columns = ["request_id", "prediction_id", "release_id", "role", "purpose", "failed"]
        for environment in ENVIRONMENTS:
            for batch in read_log(self.store, USE_CASE, environment.value, *window, columns):
                for row in batch.to_pylist():
                    answer = is_answer(row["role"], row["purpose"], row["failed"])
                    if answer and row["request_id"].rpartition("-")[0] == name:
                        found.setdefault(row["prediction_id"], []).append(row["release_id"])
        return found

    def build(self, stack: ExitStack) -> None:
        """Start all servers; `stack` stops them."""
        self._start_stores(stack)
        self._write_keys()
        servers = self._programs()
        with ThreadPoolExecutor(len(servers)) as pool:  # their imports take longest
            started = [pool.submit(server.start) for server in servers.values()]
            self.view.publish()
            self._make_releases()
            self.servers |= servers
            for server in servers.values():
                stack.callback(server.stop)
            for start in started:
                start.result()
            for deployed in [
                pool.submit(self._deploy_first, environment) for environment in ENVIRONMENTS
            ]:
                deployed.result()

    def _deploy_first(self, environment: Environment) -> None:
        self.deploy(self.releases[0].id, environment)
        self.deploy(self.iris.id, environment, "iris")

    def _start_stores(self, stack: ExitStack) -> None:
        for name in ("azurite", "redis", "staging", "candidates", *OTHER_PROGRAMS):
            self.ports[name] = free_port()
        azurite = partial(azurite_in, self.home / "azurite", self.ports["azurite"], ROOT)
        redis = partial(redis_in, self.home / "redis", self.ports["redis"], *DURABLE)
        for name, begin in (("azurite", azurite), ("redis", redis)):
            self.servers[name] = Server(begin).start()
            stack.callback(self.servers[name].stop)
        self.blobs = Proxy(self.ports["azurite"]).start()
        self.online = Proxy(self.ports["redis"]).start()
        self.azurite: Azurite = azurite_at(self.ports["azurite"])
        create_containers(self.azurite)
        self.store = connect.blob_store(self.azurite.settings)
        self.view = SenderView(self.home, ROOT, f"redis://127.0.0.1:{self.online.port}/0")
        self.view.settings |= {
            "BLOB_STORE_URL": self.azurite.account_url,
            "AZURE_STORAGE_KEY": self.azurite.account_key,
            "ONLINE_STORE_TIMEOUT_SECONDS": "0.5",
        }

    def _make_releases(self) -> None:
        mails = _mails()
        entities = self.view.entities(mails)
        self.answers = ExpectedPredictions(mails, entities)
        for seed in (0, 1):
            release = self._release(seed, mails, entities)
            self.answers.add(release)
            self.releases.append(release)
        self.iris = make_release(self.store, "iris")

    def _release(self, seed: int, mails: pa.RecordBatch, entities: pa.RecordBatch) -> Release:
        """Return a stored release whose baseline is its predictions for these mails."""
        # The baseline is part of a release and needs the predictions of its model.
        make = partial(make_release, self.store, USE_CASE, seed, feature_view_version="v1")
        case = use_case(USE_CASE)
        scores = Scorer(make(), case).score(mails, entities)
        table = build_baseline(case, scores.features, scores.probabilities, scores.predictions)
        return make(baseline=baseline_bytes(table))

    def _programs(self) -> dict[str, Server]:
        url = "http://127.0.0.1:{}".format
        self.slow = Proxy(self.ports["staging"]).start()
        self.serving = ServingSettings(
            inference_url_staging=url(self.slow.port),
            inference_url_production=url(self.ports["transformer"]),
            candidate_url_staging=url(self.ports["candidates"]),
        )
        return {
            "staging": self._serving("staging", "inference_service", "INFERENCE"),
            "candidates": self._candidates(),
            "predictor": self._serving(
                "predictor", "inference_service", "INFERENCE", TRANSFORMER="separate"
            ),
            "transformer": self._serving(
                "transformer",
                "feature_transformer",
                "TRANSFORMER",
                PREDICTOR_URL=url(self.ports["predictor"]),
                PREDICTOR_TIMEOUT_SECONDS="1",
            ),
            "gateway": self.gateway(),
        }

    def _serving(self, name: str, module: str, prefix: str, **changes: str) -> Server:
        settings = self._serving_settings(name, prefix, **changes)
        return program(module, self.ports[name], "/v2/health/live", self.home / name, settings)

    def _candidates(self) -> Server:
        """Return staging's server of canaries and shadows, which ends while there are none."""
        changes = {"INFERENCE_POOL": ServerPool.CANDIDATES, "SERVING_ENVIRONMENT": "staging"}
        settings = self._serving_settings("candidates", "INFERENCE", **changes)
        command = shlex.join([sys.executable, "-m", "inference_service"])
        return supervised(command, self.home / "candidates", settings)

    def _serving_settings(self, name: str, prefix: str, **changes: str) -> dict[str, str]:
        return {
            **self.view.settings,
            "BLOB_STORE_URL": azurite_at(self.blobs.port).account_url,
            "AZURE_STORAGE_KEY": self.azurite.account_key,
            "MODEL_REPOSITORY": str(self.home / "models"),
            "SERVING_ENVIRONMENT": "staging" if name == "staging" else "production",
            f"{prefix}_HTTP_PORT": str(self.ports[name]),
            f"{prefix}_GRPC_PORT": str(free_port()),
            **changes,
        }

    def _write_keys(self) -> None:
        entries = [
            {"name": n, "role": "admin" if n == "admin" else "operator", "sha256": hash_key(key)}
            for n, key in KEYS.items()
        ]
        entries[1]["rate_limit"] = f"{GREEDY_LIMIT}/second"
        (self.home / "keys.json").write_text(json.dumps(entries))


def _mails() -> pa.RecordBatch:
    """Return mails of senders with and without entity features."""
    case = use_case(USE_CASE)
    table = case.training().generate(MAILS, SEED).combine_chunks()
    batch = table.select(case.record_schema.names).to_batches()[0]
    senders = batch.column("sender").to_pylist()
    senders[KNOWN_SENDERS:] = [f"sender@new-{n}.example" for n in range(MAILS - KNOWN_SENDERS)]
    return batch.set_column(batch.schema.get_field_index("sender"), "sender", pa.array(senders))
