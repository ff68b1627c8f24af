"""A run that broke off is continued: finished steps are not repeated."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from platform_core.adapters.blob_store.local import LocalBlobStore
from training.results import ReleaseResult, TrainResult
from training.runs import RunRecords
from use_cases import use_case

NO_SERVER = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environment(home: Path, ray_head, mlflow_server: str) -> dict[str, str]:
    """A stack without servers: nothing can be deployed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {
        "PATH": path,
        "PLATFORM_HOME": str(home),
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "BLOB_STORE_URL": f"file://{home}/blob",
        "MLFLOW_TRACKING_URI": mlflow_server,
        "FEAST_OFFLINE_PATH": str(home / "offline"),
        "RAY_ADDRESS": ray_head.address,
        "RAY_DASHBOARD_URL": ray_head.dashboard_url,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path),
        "DEPLOYER_URL": f"file://{home}/model-repository",
        "INFERENCE_URL_STAGING": NO_SERVER,
        "INFERENCE_URL_PRODUCTION": NO_SERVER,
        "GATEWAY_URL": NO_SERVER,
        "GATEWAY_API_KEY": "key",
        "DEPLOY_TIMEOUT_SECONDS": "1",
        "SMOKE_PATIENCE_SECONDS": "1",
    }
    return {**os.environ, **settings}


def start(environment: dict[str, str], *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *command], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def resume(environment: dict[str, str], run: str) -> tuple[list[str], str]:
    """Resume a run; return the steps that ran, and the last line on standard error."""
    with start(environment, "resume", run) as process:
        output, errors = process.communicate()
    assert process.returncode == 1, output + errors
    begun = [line.split()[1] for line in output.splitlines() if line.endswith("…")]
    return begun, errors.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def killed(environment: dict[str, str]) -> str:
    """The name of a run whose processes were killed while it trained."""
    command = ("run-pipeline", "--use-case", "iris", "--rows", "400", "--trials", "2")
    with start(environment, *command) as process:
        name = ""
        for line in process.stdout or ():
            if line.startswith("· run "):
                name = line.split()[2]
            if "trial 1/" in line:
                os.killpg(process.pid, 9)
                break
        process.communicate()
    return name


def _without_change(reason: str) -> str:
    """Each attempt to stage records a change of its own."""
    return re.sub(r"\b[0-9a-f]{32}\b", "<change>", reason)


def test_a_killed_run_continues_where_it_broke_off(
    environment: dict[str, str], killed: str, home: Path
) -> None:
    run = RunRecords(LocalBlobStore(home / "blob"), "iris", killed)
    assert run.finished("features") is not None
    assert run.finished("train") is None
    begun, reason = resume(environment, killed)
    assert begun == ["train", "evaluate", "release", "stage"]
    assert "the step stage failed" in reason
    trained = run.result("train", TrainResult)
    release = run.result("release", ReleaseResult)
    assert f"`mlplatform release stage {release.release_id:.12} --use-case iris`" in reason

    begun, again = resume(environment, killed)
    assert begun == ["stage"]
    assert _without_change(again) == _without_change(reason)
    assert run.result("train", TrainResult) == trained
    assert run.result("release", ReleaseResult) == release


def test_mlflow_shows_that_the_killed_training_is_over(
    environment: dict[str, str], killed: str
) -> None:
    client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("iris")
    assert experiment is not None
    name = f"attributes.run_name = '{killed}'"
    runs = client.search_runs([experiment.experiment_id], name, order_by=["start_time"])
    assert [run.info.status for run in runs] == ["KILLED", "FINISHED"]


def test_a_run_whose_gate_fails_is_refused_again_with_the_same_reason(
    environment: dict[str, str], home: Path
) -> None:
    flowers = use_case("iris").training().generate(400, seed=3)
    labels = flowers["species"].to_pylist()
    random.Random(0).shuffle(labels)
    flowers = flowers.set_column(4, "species", pa.array(labels))
    pq.write_table(flowers, home / "noise.parquet")
    command = ("run-pipeline", "--use-case", "iris", "--trials", "1", "--data")
    with start(environment, *command, str(home / "noise.parquet")) as process:
        output, errors = process.communicate()
    assert process.returncode == 1, output
    reason = errors.strip().splitlines()[-1]
    assert "the step release failed" in reason
    assert "minimum" in reason
    (name,) = (line.split()[2] for line in output.splitlines() if line.startswith("· run "))

    begun, again = resume(environment, name)
    assert (begun, again) == (["release"], reason)
    records = RunRecords(LocalBlobStore(home / "blob"), "iris", name)
    trained = records.result("train", TrainResult)
    client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
    assert client.get_run(trained.run_id).info.status == "FAILED"


def test_a_finished_step_with_other_parameters_is_repeated(
    environment: dict[str, str], killed: str, home: Path
) -> None:
    arguments = home / "runs" / killed / "arguments.json"
    arguments.write_text(arguments.read_text().replace('"trials": 2', '"trials": 1'))
    begun, _ = resume(environment, killed)
    assert begun == ["prepare-data", "train", "evaluate", "release", "stage"]
