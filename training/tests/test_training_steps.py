"""The steps from a source to a registered release, as a run on a laptop makes them."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow import MlflowClient

from platform_core.adapters.blob_store.local import LocalBlobStore
from releases.catalogue.model_card import ModelCard
from training.results import EvaluationResult, TrainResult
from training.runs import RunRecords

STEPS = """
import json, os
from training.bootstrap import TrainingServices
from training.parameters import RunParameters
from training.runs import RunRecords
from training.steps.context import StepCall, StepContext
from training.steps.execute import execute
from training.steps.stage import register

given = RunParameters(rows=400, trials=2)

def run(run_id):
    os.environ["RUN_ID"] = run_id
    done = {}
    def step(name, *inputs):
        folders = {key: done[source] for key, source in inputs}
        call = StepCall(step=name, use_case="iris", parameters=given, inputs=folders)
        done[name], result = execute(call, TrainingServices())
        return result
    features, model = ("features", "features"), ("model", "train")
    step("prepare-data")
    step("features", ("dataset", "prepare-data"))
    step("train", features)
    step("evaluate", features, model)
    release = step("release", features, model, ("evaluated", "evaluate"))
    services = TrainingServices()
    call = StepCall(step="stage", use_case="iris", parameters=given, inputs={})
    register(StepContext(services, RunRecords(services.store, "iris", run_id), call), release)
    return release.release_id

print(json.dumps([run("one"), run("two")]))
"""
FIGURES = {
    "confusion_matrix.svg", "roc_curve.svg", "precision_recall_curve.svg", "calibration.svg",
    "scores.svg",
}  # fmt: skip
EXPECTED = FIGURES | {"model_card.html", "model_card.json"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def released(home: Path, ray_head, mlflow_server: str) -> list[str]:
    """The ids of the releases of two runs on the same data."""
    environment = {
        "PLATFORM_HOME": str(home),
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "BLOB_STORE_URL": f"file://{home}/blob",
        "MLFLOW_TRACKING_URI": mlflow_server,
        "FEAST_OFFLINE_PATH": str(home / "offline"),
        "RAY_ADDRESS": ray_head.address,
        "RAY_DASHBOARD_URL": ray_head.dashboard_url,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", STEPS], env={**os.environ, **environment}, cwd=home,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def card(home: Path, released: list[str]) -> ModelCard:
    store = LocalBlobStore(home / "blob")
    return ModelCard.model_validate_json(store.read(f"models/iris/{released[0]}/model_card.json"))


def test_the_same_data_and_code_give_the_same_release(released: list[str]) -> None:
    assert released[0] == released[1]


def test_the_card_tells_how_good_it_is_and_what_was_tried(card: ModelCard) -> None:
    accuracy = card.metrics["accuracy"]
    assert accuracy.low is not None
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert card.lineage.metrics["accuracy_low"] == accuracy.low
    assert 0 <= card.metrics["calibration_error"].value <= 1
    assert len(card.trials) == 2
    assert card.trials[0].candidate == card.lineage.candidate
    assert card.data.train_rows + card.data.test_rows == card.data.rows
    assert card.decision.kind == "argmax"
    assert sum(map(sum, card.confusion)) == card.data.test_rows
    assert card.graph_bytes > 0
    assert card.fit_seconds > 0
    assert [gate.passed for gate in card.lineage.gates] == [True] * len(card.lineage.gates)
    assert any(limit.startswith("Not measured") for limit in card.limits)


def test_lineage_names_the_package_the_libraries_and_the_rows(card: ModelCard) -> None:
    package = card.lineage.use_case_package
    assert package is not None
    assert (package.name, package.version) == (
        "mlplatform-use-cases", version("mlplatform-use-cases")
    )  # fmt: skip
    assert card.lineage.libraries["scikit-learn"] == version("scikit-learn")
    assert card.lineage.rows == card.data.rows + card.data.duplicates + card.data.quarantined


def test_the_card_is_a_page_that_needs_nothing_else(home: Path, released: list[str]) -> None:
    page = (home / f"blob/models/iris/{released[0]}/model_card.html").read_text()
    assert released[0] in page
    assert page.count("<svg") == 5
    for outside in ("http-equiv", "<script", "<link", 'src="http'):
        assert outside not in page


def test_mlflow_has_the_card_the_curves_the_data_and_the_intervals(
    card: ModelCard, mlflow_server: str
) -> None:
    client = MlflowClient(mlflow_server)
    run = client.get_run(card.lineage.run_id)
    assert run.data.metrics["accuracy_low"] == pytest.approx(card.metrics["accuracy"].low)
    assert run.info.status == "FINISHED"
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.digest == card.data.dataset_version
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names >= EXPECTED
    assert ("data_report" in run.data.tags) == ("data_report.html" in names)


def test_the_result_of_training_says_why_it_decides_so(home: Path, released: list[str]) -> None:
    run = RunRecords(LocalBlobStore(home / "blob"), "iris", "one")
    trained = run.result("train", TrainResult)
    assert trained.decision.kind == "argmax"
    assert trained.decision_why
    assert trained.complete is True


def test_the_evaluation_has_a_confusion_matrix_of_all_test_rows(
    home: Path, card: ModelCard
) -> None:
    run = RunRecords(LocalBlobStore(home / "blob"), "iris", "one")
    found = run.result("evaluate", EvaluationResult)
    assert sum(map(sum, found.confusion)) == card.data.test_rows
    right = sum(row[place] for place, row in enumerate(found.confusion))
    assert right / card.data.test_rows == pytest.approx(card.metrics["accuracy"].value)
    assert found.roc is None
    files = {file.path.rsplit("/", 1)[-1] for file in run.store.list(run.folder("release"))}
    assert files >= FIGURES
