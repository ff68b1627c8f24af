"""Real servers over real sockets, with real releases in a local blob store."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from model_server.testing import SEED, SenderView, ServerHome, ServerProcess
from platform_core.adapters.blob_store.local import LocalBlobStore
from scoring import Release, Scorer, Scores
from use_cases import use_case


@dataclass(frozen=True)
class Stage:
    """A home with two releases of iris, the first deployed, and one of spam as version 3."""

    home: ServerHome
    iris: tuple[Release, Release]
    spam: Release

    @classmethod
    def build(cls, folder: Path, make_release: Callable[..., Release]) -> "Stage":
        home = ServerHome(folder, LocalBlobStore(folder / "blob"))
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
def server(stage: Stage) -> Iterator[ServerProcess]:
    """An inference service; tests that change what it serves restore it."""
    with stage.home.serve("inference_service", "INFERENCE") as server:
        yield server


@pytest.fixture(scope="session")
def sender_view(pytestconfig: pytest.Config) -> Callable[..., SenderView]:
    """Return a function that makes the view: home, Redis URL (SQLite without)."""
    return lambda home, redis_url="": SenderView(home.folder, pytestconfig.rootpath, redis_url)


@pytest.fixture(scope="session")
def mails() -> pa.RecordBatch:
    """Mails of four senders that the view knows and of two that it does not."""
    batch = sample("spam", 6, SEED)
    senders = [*batch.column("sender").to_pylist()[:4], "new@nobody.example", ""]
    return batch.set_column(batch.schema.get_field_index("sender"), "sender", pa.array(senders))


def sample(name: str, rows: int, seed: int = 3) -> pa.RecordBatch:
    case = use_case(name)
    table = case.training().generate(rows, seed).combine_chunks()
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
