"""The steps from a source to a registered release, as a run on a laptop makes them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from platform_core.adapters.blob_store.local import LocalBlobStore
from releases.catalogue.model_card import ModelCard

STEPS = """
import json, sys
from training.steps.execute import execute

def run(run_id):
    def step(name, **given):
        return execute(name, "iris", run_id, **given)
    source = {"data": "", "columns": "", "rows": 400, "seed": 7}
    step("ingest", **source)
    version = step("validate")
    seen = {"dataset_version": version}
    step("features", **seen)
    step("train", **seen, trials=2, seed=7)
    step("evaluate", **seen)
    step("export-onnx")
    step("parity", **seen)
    both = {**seen, "feature_view_version": ""}
    step("baseline", **both)
    step("release", feature_view_version="")
    release = step("gate", **both, parameters={**source, "trials": 2, "git_sha": ""})
    step("register", release_id=release)
    return release

print(json.dumps([run("one"), run("two")]))
"""
EXPECTED = {
    "confusion_matrix.png", "roc_curve.png", "precision_recall_curve.png", "calibration.png",
    "scores.png", "model_card.html", "model_card.json",
}  # fmt: skip


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
    assert [gate.passed for gate in card.lineage.gates] == [True] * len(card.lineage.gates)
    assert any(limit.startswith("Not measured") for limit in card.limits)


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


def test_what_the_steps_left_says_why_it_decides_so(home: Path, released: list[str]) -> None:
    training: dict[str, Any] = json.loads(
        (home / "blob/models/iris/_runs/one/training.json").read_text()
    )
    assert training["decision"]["kind"] == "argmax"
    assert training["decision_why"]
    assert training["complete"] is True
