"""Small real releases for tests and fault drills of every package; training is an extra."""

from datetime import UTC, datetime
from functools import cache

import pyarrow as pa

from platform_core.contracts.release import GateCheck, Lineage
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, baseline_path, dataset_path, release_path
from scoring import Release, build_release, store_release
from use_cases import assemble, default_parameters, model_schema, use_case

ROWS = 400
DATASET = "0" * 16
"""The dataset version in the lineage of every release that is made here."""
TEST_ROWS, TEST_SEED = 200, 99
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
        dataset_version=DATASET,
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


def store_test_rows(store: BlobStore, *names: str) -> None:
    """Write the test split of the dataset version, on which releases are compared."""
    for case in map(use_case, names):
        table = case.training().generate(TEST_ROWS, TEST_SEED).combine_chunks()
        batch = assemble(case, table.select(case.record_schema.names).to_batches()[0])
        labels = table[case.training().label.column].combine_chunks()
        rows = pa.Table.from_batches([batch]).append_column("label", labels)
        rows = rows.append_column("part", pa.array(["test"] * table.num_rows))
        write_table(store, dataset_path(case.name, DATASET, FEATURES_FILE), rows)
