"""Results of another run are reused where nothing that a step depends on has changed."""

import json
from pathlib import Path

import pytest
from live_traffic import LiveTraffic

from platform_core.errors import ConfigurationError, DataUnchanged
from training.bootstrap import TrainingServices
from training.parameters import RunParameters
from training.pipeline.runner import failure
from training.results import DatasetResult
from training.runs import RESULT, RunRecords
from training.steps.context import StepCall
from training.steps.execute import execute
from use_cases import use_case


@pytest.fixture
def run(blob_store, tmp_path: Path, monkeypatch):
    """Return a function that runs the data steps of a run and returns the folders of results."""
    settings = {
        "PLATFORM_HOME": str(tmp_path),
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "FEAST_OFFLINE_PATH": str(tmp_path),
        "REUSE_STEP_RESULTS": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(run_id: str, **parameters) -> tuple[str, str]:
        monkeypatch.setenv("RUN_ID", run_id)
        given = RunParameters(rows=200, **parameters)
        call = StepCall(step="prepare-data", use_case="iris", parameters=given, inputs={})
        data, _ = execute(call, TrainingServices())
        # A component that takes no parameters is called with the defaults.
        call = StepCall(
            step="features", use_case="iris", parameters=RunParameters(), inputs={"dataset": data}
        )
        return data, execute(call, TrainingServices())[0]

    return run


def test_the_source_is_read_in_every_run_and_equal_data_is_not_computed_again(
    run, blob_store
) -> None:
    first, second = run("one"), run("two")
    assert first[0] != second[0]
    assert first[1] == second[1] == RunRecords(blob_store, "iris", "one").folder("features")
    record = RunRecords(blob_store, "iris", "two").finished("features")
    assert record.folder == first[1]


def test_a_run_stops_after_the_source_if_it_gives_the_named_version_again(run, blob_store) -> None:
    run("one")
    version = RunRecords(blob_store, "iris", "one").result("prepare-data", DatasetResult)
    with pytest.raises(SystemExit):
        run("two", unless_version=version.dataset_version)
    assert isinstance(failure(RunRecords(blob_store, "iris", "two"), ""), DataUnchanged)
    run("three", unless_version=version.dataset_version, seed=8)
    assert RunRecords(blob_store, "iris", "three").finished("features") is not None


def test_a_run_on_labelled_predictions_stops_if_there_are_no_new_ones(
    run, blob_store, tmp_path
) -> None:
    iris = use_case("iris")
    run("one")
    traffic = LiveTraffic(blob_store, tmp_path / "spool", iris)
    flowers = iris.training().generate(60, 3).select(iris.record_schema.names).to_pylist()
    ids = traffic.answer(flowers)
    traffic.label((one, iris.classes[n % 3]) for n, one in enumerate(ids))
    traffic.close()
    run("two", data="feedback", base="latest")
    records = RunRecords(blob_store, "iris", "two")
    added = records.result("prepare-data", DatasetResult)
    assert (added.rows, added.test_rows) == (260, 40 + 12)
    assert records.finished("features") is not None
    with pytest.raises(SystemExit):
        run("three", data="feedback", base="latest", unless_version=added.dataset_version)
    assert isinstance(failure(RunRecords(blob_store, "iris", "three"), ""), DataUnchanged)


def test_other_data_is_computed(run) -> None:
    assert run("one")[1] != run("two", seed=8)[1]


def test_another_image_computes_again(run, monkeypatch) -> None:
    first = run("one")
    monkeypatch.setenv("TRAINING_IMAGE", "mlplatform/training:0.2.0")
    assert run("two")[1] != first[1]


def test_a_record_whose_result_is_gone_counts_for_nothing(run, blob_store) -> None:
    _, features = run("one")
    blob_store.delete(f"{features}/{RESULT}")
    _, again = run("two")
    assert again == RunRecords(blob_store, "iris", "two").folder("features")
    assert json.loads(blob_store.read(f"{again}/{RESULT}"))["dataset_version"]


def test_without_the_setting_every_run_computes(run, monkeypatch) -> None:
    first = run("one")
    monkeypatch.setenv("REUSE_STEP_RESULTS", "false")
    assert run("two")[1] != first[1]


def test_a_step_outside_of_a_run_is_refused(run) -> None:
    with pytest.raises(ConfigurationError, match="RUN_ID"):
        run("")
