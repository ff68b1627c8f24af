import subprocess
import sys
from pathlib import Path

import pytest

from training.launch import run_request
from training.parameters import RunParameters


def training(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PLATFORM_HOME": str(home),
        "PLATFORM_CONFIG": "/dev/null",
        "TRAINING_IMAGE": "mlplatform/training:0.1.0",
        "BLOB_STORE_URL": f"file://{home}/blob",
        "FEAST_OFFLINE_PATH": str(home / "offline"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
    }
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_compile_writes_the_ir(tmp_path: Path) -> None:
    done = training("compile-pipeline", "--output", str(tmp_path / "p.yaml"), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train-and-stage" in (tmp_path / "p.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run-pipeline", "--use-case", "fraud"], "there is no use case 'fraud'"),
        (["run-pipeline", "--trials", "-1"], "trials"),
        (["run-pipeline", "--budget-minutes", "-1"], "budget_minutes"),
        (["run-pipeline", "--trials", "many"], "'--trials': Input should be a valid integer"),
        (["resume"], "Missing argument 'run'"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_a_usage_error_exits_with_2_and_prints_the_reason_last(
    tmp_path: Path, arguments: list[str], reason: str
) -> None:
    done = training(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr.strip().splitlines()[-1]


def test_a_data_file_that_is_absent_fails_with_the_reason_last(tmp_path: Path) -> None:
    done = training("run-pipeline", "--data", str(tmp_path / "absent.csv"), home=tmp_path)
    assert done.returncode == 1
    assert "there is no file" in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "blob" / "training-data").exists()


def test_a_run_that_is_not_there_fails_with_the_reason_last(tmp_path: Path) -> None:
    done = training("resume", "one", home=tmp_path)
    assert done.returncode == 1
    assert "there is no run 'one'" in done.stderr.strip().splitlines()[-1]


def test_every_run_parameter_is_an_option_of_the_command_line(tmp_path: Path) -> None:
    for command in ("run-pipeline", "recurring-pipeline"):
        words = training(command, "--help", home=tmp_path).stdout.split()
        for name in RunParameters.model_fields:
            assert f"--{name.replace('_', '-')}" in words, name


def test_a_run_names_the_commit_of_the_checkout_wherever_it_is_started(tmp_path, monkeypatch):
    command = ["git", "rev-parse", "HEAD"]
    here = Path(__file__).parent
    head = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    monkeypatch.chdir(tmp_path)
    assert run_request("iris", RunParameters()).parameters.git_sha == head.stdout.strip()
