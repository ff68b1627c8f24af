"""The complete path of the platform with its ordinary settings, in a temporary folder."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from subprocess import Popen

import httpx
import pyarrow as pa
from bench_settings import BenchSettings
from dotenv import dotenv_values

from api_gateway.auth.keys import hash_key
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.settings import OnlineStoreSettings
from platform_core.testing.processes import answers, free_port, listens, running
from records import read_log
from serving.endpoint import Endpoint, EndpointKind, from_field, from_v2
from serving.subject import Subject
from serving.target import http_target

KEY = "a-key-of-this-benchmark"
START_SECONDS = 180
FLUSH_SECONDS = 60
BUSY_LIMIT = "1000000000/minute"


@dataclass(frozen=True)
class StackHome:
    """Folder and ports of an installation; `settings` is the environment of its programs."""

    folder: Path
    gateway_port: int = field(default_factory=free_port)
    inference_port: int = field(default_factory=free_port)
    inference_grpc_port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)

    @property
    def redis(self) -> str | None:
        """The Redis server's executable, if installed."""
        return shutil.which("redis-server")

    @property
    def store(self) -> LocalBlobStore:
        """The blob store with releases, ledger and log."""
        return LocalBlobStore(self.folder / "blob")

    @property
    def settings(self) -> dict[str, str]:
        """The settings of `config/embedded.env` for this folder and ports, without rate limit."""
        root = BenchSettings().platform_root.resolve()
        service = f"http://127.0.0.1:{self.inference_port}"
        own = {
            "PLATFORM_HOME": str(self.folder),
            "BLOB_STORE_URL": f"file://{self.folder}/blob",
            "FEAST_ONLINE_PATH": str(self.folder / "feast" / "online.db"),
            "FEAST_OFFLINE_PATH": str(self.folder / "feast" / "offline"),
            "FEAST_REPOSITORY": str(root / "model-serving" / "feast"),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0" if self.redis else "",
            "GATEWAY_PORT": str(self.gateway_port),
            "API_KEYS_FILE": str(self.folder / "keys.json"),
            "SPOOL_FOLDER": str(self.folder / "spool"),
            "RECORD_INDEX_FILE": str(self.folder / "records.db"),
            "RATE_LIMIT": BUSY_LIMIT,
            "INFERENCE_URL_STAGING": service,
            "INFERENCE_URL_PRODUCTION": service,
            "RAY_ADDRESS": "127.0.0.1:1",
            "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
            "RAY_AUTH_TOKEN_PATH": "",
            "SERVING_ENVIRONMENT": "staging",
            "MODEL_REPOSITORY": str(self.folder / "model-repository"),
            "INFERENCE_HTTP_PORT": str(self.inference_port),
            "INFERENCE_GRPC_PORT": str(self.inference_grpc_port),
        }
        ordinary = dotenv_values(root / "config" / "embedded.env")
        return {**{k: v or "" for k, v in ordinary.items()}, **own}

    @property
    def online_store(self) -> OnlineStoreSettings:
        """The settings of the online store."""
        fields = OnlineStoreSettings.model_fields
        given = {name: self.settings.get(name.upper()) for name in fields}
        return OnlineStoreSettings(**{name: value for name, value in given.items() if value})

    def prepare(self) -> None:
        """Write the key and create the folders."""
        (self.folder / "feast").mkdir(parents=True)
        entry = {"name": "benchmark", "role": "admin", "sha256": hash_key(KEY)}
        (self.folder / "keys.json").write_text(json.dumps([entry]))

    @contextmanager
    def online_server(self) -> Iterator[dict[str, int]]:
        """Run Redis, if installed, until the block ends; yield its process."""
        if self.redis is None:
            yield {}
            return
        command = [self.redis, "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        ready = partial(listens, self.redis_port)
        with running(command, ready, self.folder / "redis") as process:
            yield {"redis": process.pid}

    def inference(self, *options: str) -> AbstractContextManager[Popen]:
        """Run the inference service until the block ends; `options` go to the interpreter."""
        return self._run("inference_service", self.inference_port, "/v2/models/spam/ready", options)

    def gateway(self, *options: str) -> AbstractContextManager[Popen]:
        """Run the gateway until the block ends; `options` go to the interpreter."""
        return self._run("api_gateway", self.gateway_port, "/health/ready", options)

    def logged(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records of the last day, after flushing the gateway."""
        url = f"http://127.0.0.1:{self.gateway_port}/admin/inference-log/flush"
        answer = httpx.post(url, headers={"X-API-Key": KEY}, timeout=FLUSH_SECONDS)
        answer.raise_for_status()
        now, day = SystemClock().now(), timedelta(days=1)
        window = now - day, now + day
        return pa.Table.from_batches(read_log(self.store, "spam", "staging", *window, columns))

    def _run(
        self, module: str, port: int, path: str, options: tuple[str, ...]
    ) -> AbstractContextManager[Popen]:
        command, folder = [sys.executable, *options, "-m", module], self.folder / f"run-{module}"
        ready = partial(answers, port, path)
        return running(command, ready, folder, self.settings, START_SECONDS)


@contextmanager
def our_path(home: StackHome, online: dict[str, int]) -> Iterator[dict[str, int]]:
    """Run gateway and inference service; yield the processes by name."""
    with ExitStack() as stack:
        service = stack.enter_context(home.inference())
        gateway = stack.enter_context(home.gateway())
        yield {"gateway": gateway.pid, "inference": service.pid, **online}


def endpoints(home: StackHome, subject: Subject, processes: dict[str, int]) -> list[Endpoint]:
    """Return the complete path and, for context, the inference service alone."""
    headers = {"X-API-Key": KEY, "X-Environment": "staging"}
    path = http_target(home.gateway_port, "/predict", subject.mails, headers)
    bodies = [{"inputs": _tensors(mail)} for mail in subject.mails]
    alone = http_target(home.inference_port, "/v2/models/spam/infer", bodies)
    service = {name: pid for name, pid in processes.items() if name != "gateway"}
    return [
        Endpoint("ours", "ours, whole path", EndpointKind.OURS, path, processes, from_field),
        Endpoint("service", "our inference service", EndpointKind.CONTEXT, alone, service, from_v2),
    ]


def _tensors(mail: dict[str, str]) -> list[dict[str, object]]:
    return [
        {"name": name, "datatype": "BYTES", "shape": [1], "data": [value]}
        for name, value in mail.items()
    ]
