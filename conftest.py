"""Fixtures that every package's tests may use: stores and small real releases."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

# pytest names test modules after their folders; a folder that is called like a package (`training`,
# `embedded`) would hide it unless the package is imported first.
import embedded  # noqa: F401
import training  # noqa: F401
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.ports.blob_store import BlobStore
from scoring import Release, baseline_path, build_release, release_path, store_release
from use_cases import assemble, use_case

pytest_plugins = ["platform_core.testing.servers"]

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def blob_store(tmp_path: Path) -> LocalBlobStore:
    """An empty blob store in a folder of its own."""
    return LocalBlobStore(tmp_path / "blob")


@pytest.fixture(scope="session")
def trained() -> Callable[[str, int], bytes]:
    """Return a function that trains the first candidate of a use case: name, seed → ONNX bytes."""
    models: dict[tuple[str, int], bytes] = {}

    def train(name: str, seed: int = 0) -> bytes:
        if (name, seed) not in models:
            case = use_case(name)
            table = case.generate(400, seed).combine_chunks()
            records = table.select(case.record_schema.names).to_batches()[0]
            candidate = case.candidates()[0]
            defaults = {parameter: values[0] for parameter, values in candidate.space.items()}
            model = candidate.build(defaults, seed)
            model.fit(assemble(case, records).to_pandas(), table[case.label_column].to_pylist())
            models[name, seed] = candidate.to_onnx(model).SerializeToString()
        return models[name, seed]

    return train


@pytest.fixture(scope="session")
def make_release(trained: Callable[[str, int], bytes]) -> Callable[..., Release]:
    """Return a function that builds and stores a real release with its lineage and baseline."""

    def make(
        store: BlobStore,
        name: str = "iris",
        seed: int = 0,
        baseline: bytes = b"",
        feature_view_version: str | None = None,
    ) -> Release:
        release = build_release(use_case(name), trained(name, seed), baseline, feature_view_version)
        lineage = Lineage(
            release_id=release.id,
            created_at=START,
            dataset_version="0" * 16,
            data_source="generated",
            pipeline_run=f"run-{seed}",
            candidate="first",
            parameters={},
            metrics={use_case(name).metric: 1.0},
            gates=(GateCheck(name="minimum", passed=True, detail="built for a test"),),
        )
        store.write(baseline_path(name, release.id), baseline)
        store_release(store, release_path(name, release.id), release, lineage)
        return release

    return make
