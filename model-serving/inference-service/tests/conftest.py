"""Real servers over real sockets, with real releases in a local blob store."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feature_transformer.testing import Home, Server
from platform_core.adapters import connect
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.parquet import table_bytes
from platform_core.settings import OnlineStoreSettings
from scoring import Release, Scorer, Scores
from use_cases import use_case

SEED = 11


@dataclass(frozen=True)
class Stage:
    """A home with two releases of iris, the first deployed, and one of spam as version 3."""

    home: Home
    iris: tuple[Release, Release]
    spam: Release

    @classmethod
    def build(cls, folder: Path, make_release: Callable[..., Release]) -> "Stage":
        home = Home(folder, LocalBlobStore(folder / "blob"))
        iris = tuple(make_release(home.store, "iris", seed) for seed in (0, 1))
        spam = make_release(home.store, "spam")
        home.point("iris", iris[0].id)
        home.point("spam", spam.id, model_version="3")
        return cls(home, iris, spam)


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory, make_release: Callable) -> Stage:
    """A stage for a module that starts its servers itself."""
    return Stage.build(tmp_path_factory.mktemp("home"), make_release)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, make_release: Callable) -> Stage:
    """The stage of the shared server."""
    return Stage.build(tmp_path_factory.mktemp("home"), make_release)


@pytest.fixture(scope="session")
def server(stage: Stage) -> Iterator[Server]:
    """An inference service; whoever changes what it serves puts it back."""
    with stage.home.serve("inference_service", "INFERENCE") as server:
        yield server


class SenderView:
    """A real Feast with one view, version `v1`, of the domains of generated senders."""

    def __init__(self, home: Home, root: Path, redis_url: str = "") -> None:
        folder = home.folder / "feast"
        folder.mkdir(exist_ok=True)
        self.settings = {
            "FEAST_REPOSITORY": str(root / "model-serving" / "feast"),
            "FEAST_REGISTRY": str(folder / "registry.db"),
            "FEAST_ONLINE_PATH": str(folder / "online.db"),
            "REDIS_URL": redis_url,
            "ONLINE_STORE_TIMEOUT_SECONDS": "2",
            "ONLINE_STORE_MAX_AGE_SECONDS": "0",
        }
        self._case = use_case("spam")
        mails = self._case.generate(300, SEED)
        times = mails[self._case.time_column].cast(pa.timestamp("us", tz="UTC"))
        self._history = self._case.entity_history(mails.append_column("event_timestamp", times))
        self._file = folder / "history.parquet"
        self._file.write_bytes(table_bytes(self._history))

    def publish(self) -> None:
        """Register the view and write its latest values to the online store."""
        values = {key.lower(): value for key, value in self.settings.items() if value}
        store = connect.feature_store(OnlineStoreSettings(**values))
        entity = self._case.entity_features
        view = f"{entity.name}_v1"
        store.apply_view(view, entity.entity, list(entity.names), self._file)
        store.materialise(view, max(self._history["event_timestamp"].to_pylist()))

    def entities(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return what the view knows of the senders of `records`, from the history alone."""
        names = list(self._case.entity_features.names)
        rows = sorted(self._history.to_pylist(), key=lambda row: row["event_timestamp"])
        latest = {row["sender_domain"]: [row[name] for name in names] for row in rows}
        keys = self._case.entity_keys(records).to_pylist()
        found = [latest.get(key, [None] * len(names)) for key in keys]
        columns = [pa.array(column, pa.float64()) for column in zip(*found, strict=True)]
        return pa.record_batch(columns, names=names)


@pytest.fixture(scope="session")
def sender_view(pytestconfig: pytest.Config) -> Callable[..., SenderView]:
    """Return a function that makes the view: home, Redis URL (SQLite without)."""
    return lambda home, redis_url="": SenderView(home, pytestconfig.rootpath, redis_url)


@pytest.fixture(scope="session")
def mails() -> pa.RecordBatch:
    """Mails of four senders that the view knows and of two that it does not."""
    batch = sample("spam", 6, SEED)
    senders = [*batch.column("sender").to_pylist()[:4], "new@nobody.example", ""]
    return batch.set_column(batch.schema.get_field_index("sender"), "sender", pa.array(senders))


def sample(name: str, rows: int, seed: int = 3) -> pa.RecordBatch:
    case = use_case(name)
    table = case.generate(rows, seed).combine_chunks()
    return table.select(case.record_schema.names).to_batches()[0]


@pytest.fixture(scope="session")
def records() -> Callable[..., pa.RecordBatch]:
    """Return a function that generates records: name, rows, seed."""
    return sample


@pytest.fixture(scope="session")
def offline() -> Callable[..., Scores]:
    """Return a function that answers records without any server."""

    def score(
        release: Release, batch: pa.RecordBatch, entities: pa.RecordBatch | None = None
    ) -> Scores:
        return Scorer(release, use_case(release.manifest.use_case)).score(batch, entities)

    return score


@pytest.fixture(scope="session")
def outputs() -> Callable[[Mapping[str, Any]], dict[str, list]]:
    """Return a function that gives the data of a response's tensors by name."""
    return lambda response: {tensor["name"]: tensor["data"] for tensor in response["outputs"]}
