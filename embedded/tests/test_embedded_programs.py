"""What the settings make of the platform's programs, and the command line around them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.programs import platform_programs
from embedded.secret_files import development_keys, ray_token
from embedded.settings import EmbeddedSettings, program_environment
from embedded.stack_folder import StackFolder
from platform_core.errors import ConfigurationError
from platform_core.hashing import sha256_bytes

VALUES = {
    "platform_root": "/checkout",
    "platform_config": "/checkout/config/embedded.env",
    "model_repository": "/checkout/models",
    "mlflow_tracking_uri": "http://127.0.0.1:5000",
    "ray_address": "127.0.0.1:6380",
    "ray_dashboard_url": "http://127.0.0.1:8265",
    "inference_url_staging": "http://127.0.0.1:8081",
    "inference_url_production": "http://127.0.0.1:8091",
    "gateway_url": "http://127.0.0.1:8000",
    "gateway_api_key": "test-admin-key",
    "controller_port": 8070,
    "console_port": 8080,
    "scheduler_port": 8071,
    "embedded_staging_grpc_port": 8082,
    "embedded_production_grpc_port": 8092,
    "embedded_staging_candidates_grpc_port": 8084,
    "embedded_production_candidates_grpc_port": 8094,
    "embedded_ray_client_port": 10001,
    "embedded_ray_agent_port": 52365,
}


def programs(home: Path, **changes: object):
    settings = EmbeddedSettings(**{**VALUES, "platform_home": home, **changes})
    found = platform_programs(settings, StackFolder(home, home / "run"), "the-token")
    return {program.name: program for program in found}


def test_every_program_listens_where_its_url_says(tmp_path):
    found = programs(tmp_path, inference_url_production="http://127.0.0.1:9999")
    assert {n: [p.number for p in program.ports] for n, program in found.items()} == {
        "mlflow": [5000],
        "ray": [6380, 8265, 10001, 52365],
        "inference-staging": [8081, 8082],
        "inference-production": [9999, 8092],
        "gateway": [8000],
        "release-controller": [8070],
        "console": [8080],
        "monitor": [],
        "scheduler": [8071],
    }
    production = found["inference-production"].environment
    assert production["SERVING_ENVIRONMENT"] == "production"
    assert production["INFERENCE_HTTP_PORT"] == "9999"


def test_candidates_have_programs_of_their_own_that_wait_for_pointers(tmp_path):
    urls = {"candidate_url_staging": "http://127.0.0.1:8083"}
    found = programs(tmp_path, model_repository=tmp_path / "models", **urls)
    assert "inference-production-candidates" not in found
    candidates = found["inference-staging-candidates"]
    assert [port.number for port in candidates.ports] == [8083, 8084]
    assert candidates.environment["INFERENCE_POOL"] == "candidates"
    assert candidates.waits()
    folder = tmp_path / "models" / "staging-candidates"
    folder.mkdir(parents=True)
    (folder / "iris-0a1b2c3d.json").write_text("{}")
    assert not candidates.waits()
    assert not found["inference-staging"].waits()


def test_drills_are_repeated_only_where_a_setting_says_how_often(tmp_path):
    assert "drill" not in programs(tmp_path)
    drill = programs(tmp_path, embedded_drill_hours=168)["drill"]
    assert f"sleep {168 * 3600}" in drill.command[-1]
    assert "cli drill" in drill.command[-1]


def test_state_stays_in_the_home(tmp_path):
    command = programs(tmp_path / "a b")["mlflow"].command
    assert f"sqlite:///{tmp_path}/a b/mlflow/mlflow.db" in command
    assert f"file://{tmp_path}/a%20b/mlflow/artifacts" in command


def test_a_url_without_a_port_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="has no host and port"):
        programs(tmp_path, mlflow_tracking_uri="http://mlflow")


def test_secrets_are_made_once_and_are_private(tmp_path):
    folder = tmp_path / "secrets"
    token = ray_token(folder)
    development_keys(folder)
    assert ray_token(folder) == token
    keys = json.loads((folder / "api-keys.json").read_text())
    assert {"test-admin": sha256_bytes(b"test-admin-key")}.items() <= {
        key["name"]: key["sha256"] for key in keys
    }.items()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_programs_get_the_keys_of_the_configuration_only(tmp_path):
    config = tmp_path / "some.env"
    config.write_text("PATH_OF_NOBODY=1\nPYTHONPATH=ours\n")
    environment = program_environment(config, Path("/venv/bin"))
    assert environment["PATH"].startswith("/venv/bin:")
    assert "PATH_OF_NOBODY" not in environment  # the environment has no value for it
    assert set(environment) <= {
        *("PATH", "PYTHONUNBUFFERED", "PYTHONPATH"),
        *("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    }


def embedded(home: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    values = {name.upper(): str(value) for name, value in VALUES.items()}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**values, "PLATFORM_HOME": str(home), "PLATFORM_CONFIG": os.devnull, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_and_logs_of_a_stack_that_is_down_say_so(tmp_path):
    status = embedded(tmp_path / "home", "status")
    assert (status.returncode, status.stdout) == (1, "")
    assert status.stderr.strip() == "the stack is not up; start it with `make up`"
    logs = embedded(tmp_path / "home", "logs", "nobody")
    assert logs.returncode == 1
    assert "the programs are mlflow, ray" in logs.stderr
    assert embedded(tmp_path / "home", "down").stdout.strip() == "not up"
    assert embedded(tmp_path / "home", "clean").returncode == 0
    assert not (tmp_path / "home").exists()


def test_a_usage_error_exits_with_2(tmp_path):
    assert embedded(tmp_path, "dance").returncode == 2
    missing = embedded(tmp_path, "status", RAY_ADDRESS="", GATEWAY_URL="")
    assert missing.returncode == 2
    assert missing.stderr.strip().endswith(
        "missing or invalid: GATEWAY_URL: Field required; RAY_ADDRESS: Field required"
    )
