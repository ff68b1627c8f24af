"""Small real releases for tests and fault drills of every package; training is an extra."""

from datetime import UTC, datetime
from functools import cache

from platform_core.contracts.release import GateCheck, Lineage
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import baseline_path, release_path
from scoring import Release, build_release, store_release
from use_cases import assemble, default_parameters, model_schema, use_case

ROWS = 400
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


@cache
def train(name: str, seed: int = 0) -> bytes:
    """Return the first candidate of a use case, trained on generated records, as ONNX."""
    case = use_case(name)
    table = case.training().generate(ROWS, seed).combine_chunks()
    records = table.select(case.record_schema.names).to_batches()[0]
    candidate = case.training().candidates()[0]
    defaults = default_parameters(candidate.space)
    model = candidate.build(defaults, seed)
    features = model_schema(case).frame(assemble(case, records))
    model.fit(features, table[case.training().label.column].to_pylist())
    return bytes(candidate.to_onnx(model).SerializeToString())


def make_release(
    store: BlobStore,
    name: str = "iris",
    seed: int = 0,
    baseline: bytes = b"",
    feature_view_version: str | None = None,
    model: bytes | None = None,
) -> Release:
    """Build a release of `model` (ONNX; trained here without) and store it with its lineage."""
    case = use_case(name)
    release = build_release(case, model or train(name, seed), baseline, feature_view_version)
    lineage = Lineage(
        release_id=release.id,
        created_at=START,
        dataset_version="0" * 16,
        data_source="generated",
        pipeline_run=f"run-{seed}",
        candidate="first",
        parameters={},
        metrics={case.training().metric: 1.0},
        gates=(GateCheck(name="minimum", passed=True, detail="built for a test"),),
    )
    store.write(baseline_path(name, release.id), baseline)
    store_release(store, release_path(name, release.id), release, lineage)
    return release
