"""Runs the serving programs in tests: real processes and sockets, a folder as blob store."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pyarrow as pa

from platform_core.adapters import connect
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import model_name
from platform_core.errors import InvalidInput
from platform_core.open_inference import tensors_from_batch
from platform_core.parquet import table_bytes
from platform_core.settings import OnlineStoreSettings
from platform_core.storage.model_repository import ServerPool, pointer_folder
from platform_core.testing.processes import PLAIN_HTTP, answers, free_port, running
from use_cases import use_case

SECONDS = 30
SEED = 11


@dataclass(frozen=True)
class ServerProcess:
    """A running program: `url` speaks REST, `grpc` is host:port."""

    url: str
    grpc: str
    process: Popen[bytes]
    log: Path

    def get(self, path: str) -> httpx.Response:
        """Return the response to GET."""
        return httpx.get(self.url + path, timeout=SECONDS, verify=PLAIN_HTTP)

    def post(self, path: str, content: dict[str, Any] | None = None) -> httpx.Response:
        """Return the response to POST with a JSON body."""
        return httpx.post(self.url + path, json=content, timeout=SECONDS, verify=PLAIN_HTTP)

    def infer(self, model: str, records: pa.RecordBatch, **request: object) -> httpx.Response:
        """Return the response to `records`; `request` holds other fields of the V2 request."""
        content = {"inputs": tensors_from_batch(records), **request}
        return self.post(f"/v2/models/{model}/infer", content)

    def load(self, model: str) -> httpx.Response:
        """Load what the pointer of a model names."""
        return self.post(f"/v2/repository/models/{model}/load")

    def unload(self, model: str) -> httpx.Response:
        """Stop serving a model."""
        return self.post(f"/v2/repository/models/{model}/unload")

    def serves(self, model: str) -> str:
        """Return the release that the metadata names."""
        versions: list[str] = self.get(f"/v2/models/{model}").json()["versions"]
        return versions[0]


@dataclass(frozen=True)
class ServerHome:
    """The folder of the programs: a blob store and a model repository."""

    folder: Path
    store: LocalBlobStore
    pool: ServerPool = ServerPool.STABLE

    @property
    def pointers(self) -> Path:
        """The folder of the pointers in staging."""
        return pointer_folder(self.folder / "models", Environment.STAGING, self.pool)

    def pointer(self, model: str) -> Path:
        """Return the pointer of a model in staging."""
        return self.pointers / f"{model}.json"

    def pin(self, use_case: str, release_id: str) -> str:
        """Deploy a release to staging under its own name and return that name."""
        name = model_name(use_case, release_id)
        self._write(name, use_case=use_case, release_id=release_id)
        return name

    def point(self, use_case: str, release_id: str, **more: str) -> None:
        """Deploy a release to staging as the stable one: replace its pointer in one step."""
        self._write(use_case, use_case=use_case, release_id=release_id, **more)

    def _write(self, model: str, **content: str) -> None:
        file = self.pointer(model)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial_file = file.with_suffix(".partial")
        partial_file.write_text(json.dumps({"release_uri": "", **content}))
        partial_file.replace(file)

    def environment(self, prefix: str, **settings: str) -> tuple[dict[str, str], int, int]:
        """Return the settings of a program whose ports are `<prefix>_…`, and its two ports."""
        http, grpc = free_port(), free_port()
        environment = {
            "BLOB_STORE_URL": f"file://{self.folder}/blob",
            "MODEL_REPOSITORY": str(self.folder / "models"),
            "SERVING_ENVIRONMENT": "staging",
            "INFERENCE_POOL": self.pool,
            "FEAST_REPOSITORY": str(self.folder / "feast"),
            "FEAST_ONLINE_PATH": str(self.folder / "feast" / "online.db"),
            f"{prefix}_HTTP_PORT": str(http),
            f"{prefix}_GRPC_PORT": str(grpc),
            **settings,
        }
        return environment, http, grpc

    @contextmanager
    def serve(self, module: str, prefix: str, **settings: str) -> Iterator[ServerProcess]:
        """Run a program on free ports until the block ends."""
        environment, http, grpc = self.environment(prefix, **settings)
        folder = self.folder / f"{module}-{http}"
        ready = partial(answers, http, "/v2/health/ready")
        with running([sys.executable, "-m", module], ready, folder, environment) as process:
            url = f"http://127.0.0.1:{http}"
            yield ServerProcess(url, f"127.0.0.1:{grpc}", process, folder / "server.log")


class SenderView:
    """A real Feast with one view, version `v1`, of the domains of generated senders."""

    def __init__(self, home: Path, root: Path, redis_url: str = "") -> None:
        """Keep the registry below `home`; `root` is the checkout, no `redis_url` means SQLite."""
        folder = home / "feast"
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = {
            "FEAST_REPOSITORY": str(root / "model-serving" / "feast"),
            "BLOB_STORE_URL": f"file://{home}/blob",
            "FEAST_ONLINE_PATH": str(folder / "online.db"),
            "REDIS_URL": redis_url,
            "ONLINE_STORE_TIMEOUT_SECONDS": "2",
            "ONLINE_STORE_MAX_AGE_SECONDS": "0",
        }
        self._case = use_case("spam")
        if self._case.entity_features is None:
            raise InvalidInput("the use case spam has no entity features")
        self._entity = self._case.entity_features
        mails = self._case.training().generate(300, SEED)
        times = mails[self._case.training().time_column].cast(pa.timestamp("us", tz="UTC"))
        self._history = self._case.training().entity_history(
            mails.append_column("event_timestamp", times)
        )
        self._file = folder / "history.parquet"
        self._file.write_bytes(table_bytes(self._history))

    def publish(self) -> None:
        """Register the view and write its latest values to the online store."""
        values = {key.lower(): value for key, value in self.settings.items() if value}
        store = connect.feature_store(OnlineStoreSettings.model_validate(values))
        view = f"{self._entity.name}_v1"
        store.apply_view(view, self._entity.entity, list(self._entity.names), self._file)
        store.materialise(view, max(self._history["event_timestamp"].to_pylist()))

    def entities(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the view's values for the senders of `records`, computed from the history."""
        names = list(self._entity.names)
        rows = sorted(self._history.to_pylist(), key=lambda row: row["event_timestamp"])
        latest = {row["sender_domain"]: [row[name] for name in names] for row in rows}
        keys = self._case.entity_keys(records).to_pylist()
        found = [latest.get(key, [None] * len(names)) for key in keys]
        columns = [pa.array(column, pa.float64()) for column in zip(*found, strict=True)]
        return pa.record_batch(columns, names=names)
