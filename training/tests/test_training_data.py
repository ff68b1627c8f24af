"""What a run shows of its data: slices of the test split, and lineage in MLflow."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from data_pipeline.versions.manifest import DatasetManifest
from platform_core.parquet import write_table
from training.card.slices import slices_of_test_part
from training.tracking.experiment import Experiment, log_data
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

IRIS = use_case("iris")


def by_petal(_: TrainingUseCase, records: pa.RecordBatch) -> pa.RecordBatch:
    """Return which petals are long."""
    long = [value > 3 for value in records.column("petal_length").to_pylist()]
    names = pa.array(["long" if one else "short" for one in long])
    return pa.RecordBatch.from_arrays([names], names=["petals"])


PETALS = variant(IRIS, training={"slices": by_petal})


def write_records(store, version: str, sources: list[str]) -> None:
    table = IRIS.training().generate(len(sources), seed=0).drop_columns(["species"])
    table = table.append_column("part", pa.array(["test", "train"] * (len(sources) // 2)))
    table = table.append_column("source", pa.array(sources))
    write_table(store, f"training-data/iris/{version}/records.parquet", table)


def test_several_sources_are_slices_next_to_the_use_cases_own(blob_store) -> None:
    write_records(blob_store, "several", ["a.csv", "b.csv", "b.csv", "b.csv"])
    kinds = slices_of_test_part(blob_store, PETALS, "several")
    assert kinds.schema.names == ["petals", "source"]
    assert kinds.column("source").to_pylist() == ["a.csv", "b.csv"]
    assert set(kinds.column("petals").to_pylist()) <= {"long", "short"}


def test_one_source_is_no_slice(blob_store) -> None:
    write_records(blob_store, "one", ["a.csv"] * 4)
    assert slices_of_test_part(blob_store, PETALS, "one").schema.names == ["petals"]
    assert slices_of_test_part(blob_store, IRIS, "one").schema.names == []


@pytest.fixture
def version(blob_store):
    """Return a function that writes the manifest of a dataset version."""

    def write(name: str, *parents: str) -> None:
        manifest = DatasetManifest(
            dataset_version=name,
            use_case="iris",
            created_at=datetime(2026, 1, 5, tzinfo=UTC),
            rows=100,
            rows_read=100,
            rows_quarantined=0,
            duplicates=0,
            test_rows=20,
            classes={"setosa": 100},
            columns={},
            parents=parents,
        )
        path = f"training-data/iris/{name}/manifest.json"
        blob_store.write(path, manifest.model_dump_json().encode())

    return write


def test_a_run_shows_every_version_it_saw_and_the_report(
    blob_store, version, mlflow_server: str
) -> None:
    version("grandparent", "cleaned-away")
    version("parent", "grandparent")
    version("child", "parent", "grandparent")
    report = "training-data/iris/child/report.html"
    blob_store.write(report, b"<p>data</p>")
    experiment = Experiment(mlflow_server, "lineage")
    run_id = experiment.start("run", {})
    log_data(blob_store, experiment, run_id, "iris", "child")
    run = experiment.client.get_run(run_id)
    seen = {
        one.dataset.digest: {tag.key: tag.value for tag in one.tags}["mlflow.data.context"]
        for one in run.inputs.dataset_inputs
    }
    assert seen == {
        "child": "training",
        "parent": "training-base",
        "grandparent": "training-base",
    }
    assert run.data.tags["data_report"] == blob_store.uri(report)
    assert "data_gone.cleaned-away" in run.data.tags
    assert [f.path for f in experiment.client.list_artifacts(run_id)] == ["data_report.html"]
