"""The command line as a process: help, exit codes, configuration, JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from platform_core.command_line import command_group, with_options

GROUPS = ("Stack", "Data and training", "Releases", "Monitoring", "Cluster", "Development")


def mlplatform(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_the_commands_in_groups(tmp_path):
    result = mlplatform("--help", folder=tmp_path)
    assert result.returncode == 0
    places = [result.stdout.index(f" {group} ") for group in GROUPS]
    assert places == sorted(places)
    for command in (
        "up",
        "down",
        "run-pipeline",
        "resume",
        "data-report",
        "promote",
        "rollback",
        "drift",
        "bench",
        "validate",
    ):
        assert f" {command} " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["dance"], "No such command 'dance'"),
        (["promote", "--percent", "5"], "No such option"),
        (["logs", "--lines", "many"], "Invalid value for '--lines'"),
        (["--config", "absent.env", "status"], "absent.env does not exist"),
    ],
)
def test_a_usage_error_exits_with_2_and_prints_the_reason_last(arguments, reason, tmp_path):
    result = mlplatform(*arguments, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr.strip().splitlines()[-1]


def test_a_failure_is_exit_code_1_with_the_reason_last(tmp_path):
    result = mlplatform("status", folder=tmp_path, PLATFORM_HOME=str(tmp_path / "home"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.strip().splitlines()[-1].startswith("the stack is not up")


def test_the_configuration_file_fills_in_what_the_environment_does_not_set(tmp_path):
    config = tmp_path / "own.env"
    config.write_text("BLOB_STORE_URL=ftp://host\nMLFLOW_TRACKING_URI=\n")
    arguments = ("--config", str(config), "release", "list")
    others = {
        "GATEWAY_API_KEY": "key",
        "GATEWAY_URL": "http://127.0.0.1:1",
        "DEPLOYER_URL": "file:///pointers",
        "INFERENCE_URL_STAGING": "http://127.0.0.1:1",
        "INFERENCE_URL_PRODUCTION": "http://127.0.0.1:1",
    }
    missing = mlplatform(*arguments, folder=tmp_path, **others)
    assert missing.returncode == 2
    assert "MLFLOW_TRACKING_URI: Field required" in missing.stderr
    registry = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    wrong = mlplatform(*arguments, folder=tmp_path, **registry, **others)
    assert wrong.returncode == 2
    assert "ftp://host" in wrong.stderr


def test_a_script_gets_its_own_arguments(tmp_path):
    result = mlplatform("faults", "--help", folder=tmp_path)
    assert result.returncode == 0
    assert "--quick" in result.stdout


class Search(BaseModel):
    """Options for the test below."""

    trials: int = Field(default=4, ge=1, description="Settings to try.")
    data: str = Field(default="", description="A path.")
    git_sha: str = "unknown"


def test_the_fields_of_a_model_are_options():
    def search(
        parameters: Search, verbose: Annotated[bool, typer.Option("--verbose")] = False
    ) -> None:
        typer.echo(json.dumps([parameters.model_dump(), verbose]))

    decorated = command_group()
    decorated.command()(with_options(Search)(search))
    run = CliRunner().invoke
    plain = run(decorated, [])
    assert json.loads(plain.stdout) == [{"trials": 4, "data": "", "git_sha": "unknown"}, False]
    given = run(decorated, ["--trials", "9", "--data", "mail.csv", "--verbose"])
    assert json.loads(given.stdout) == [
        {"trials": 9, "data": "mail.csv", "git_sha": "unknown"}, True,
    ]  # fmt: skip
    help_text = run(decorated, ["--help"]).stdout
    assert "Settings to try. Default: 4." in help_text
    assert run(decorated, ["--unknown", "x"]).exit_code == 2


@pytest.mark.parametrize(
    "service",
    ["api_gateway", "inference_service", "feature_transformer", "drift_detector", "training"],
)
def test_a_service_refuses_arguments(service: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", service, "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "unrecognized arguments: run" in done.stderr
