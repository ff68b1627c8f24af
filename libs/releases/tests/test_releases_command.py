"""The commands of releases as a process, with a real MLflow server."""

import json
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from platform_core.adapters.registry.mlflow import MlflowRegistry
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.ledger import Ledger
from platform_core.storage import release_path
from platform_core.testing.machine import child_environment
from use_cases import use_case

IRIS = use_case("iris")


def gateway(peers):
    """Answers `/models/iris/predict` with what the environment's server really has loaded."""

    def answer(method, path, headers, body):
        scorer = peers[Environment(headers["X-Environment"])].scorers.get("iris")
        if scorer is None:
            return 503, {"Retry-After": "1"}, {"title": "no release is served"}
        scores = scorer.score(IRIS.columns([IRIS.record(**json.loads(body))]))
        by_class = dict(zip(IRIS.classes, map(float, scores.probabilities[0]), strict=True))
        return 200, {}, {
            "prediction": scores.predictions[0].as_py(),
            "probability": float(np.max(scores.probabilities)),
            "probabilities": by_class,
            "release_id": scorer.release_id,
        }  # fmt: skip

    return answer


@pytest.fixture
def settings(v2_peers, tmp_path, serve):
    """The settings of the program; nothing answers in place of MLflow."""
    with serve(gateway(v2_peers.peers)) as url:
        yield {
            "BLOB_STORE_URL": f"file://{tmp_path}/blob",
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
            "DEPLOYER_URL": f"file://{v2_peers.repository}",
            "INFERENCE_URL_STAGING": v2_peers.settings.inference_url_staging,
            "INFERENCE_URL_PRODUCTION": v2_peers.settings.inference_url_production,
            "GATEWAY_URL": url,
            "GATEWAY_API_KEY": "test-operator-key",
        }


@pytest.fixture
def run(settings):
    """Return a function that runs the program: its exit code, output and errors as lines."""

    def run(*arguments, **others):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env=child_environment(settings | others),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return run


def test_promote_list_and_roll_back(run, blob_store, make_release, mlflow_server, tmp_path):
    release = make_release(blob_store)
    model = tmp_path / "model.onnx"
    model.write_bytes(release.model)
    uri = blob_store.uri(release_path("iris", release.id))
    registry = MlflowRegistry(mlflow_server)
    registry.register("iris", release.id, uri, model, None, {})
    run = partial(run, MLFLOW_TRACKING_URI=mlflow_server)

    code, output, errors = run("promote", "--use-case", "iris", "--release", release.id[:8])
    assert (code, errors) == (0, [])
    assert output == [f"production serves iris {release.id} (before: nothing)"]
    assert registry.alias("iris", "production").release_id == release.id
    (entry,) = Ledger(blob_store, SystemClock()).entries("iris", Environment.PRODUCTION)
    assert entry.change.actor

    code, output, _ = run("promote", "--use-case", "iris", "--release", release.id)
    assert (code, output) == (
        0, [f"production serves iris {release.id} already: nothing to do"],
    )  # fmt: skip

    code, output, errors = run("rollback", "--use-case", "iris")
    assert (code, output) == (1, [])
    assert "nothing to roll back to" in errors[-1]

    code, output, _ = run("release", "list")
    assert code == 0
    assert any(line.startswith(release.id[:12]) and "production" in line for line in output)
    assert any(line.startswith("spam: no releases yet") for line in output)


def test_promotion_and_rollback_work_without_mlflow_and_repair_rebuilds_it(
    run, world, mlflow_server
):
    old, new = (world.make_release(world.store, seed=seed).id for seed in (2, 3))
    for release in (old, new):
        code, output, errors = run("promote", "--use-case", "iris", "--release", release)
        assert (code, errors) == (0, [])
        assert output[0].startswith(f"production serves iris {release}")
        assert "the registry is not up to date" in output[0]
    code, output, _ = run("rollback", "--use-case", "iris")
    assert code == 0
    assert output[0].startswith(f"production serves iris {old} (before: {new})")
    code, _, errors = run("release", "repair", "--use-case", "iris")
    assert code == 1
    assert "not everything could be repaired: MLflow" in errors[-1]

    run = partial(run, MLFLOW_TRACKING_URI=mlflow_server)
    code, output, _ = run("release", "repair")
    assert code == 0
    assert any(line.startswith(f"registered iris {old} as version") for line in output)
    assert output[-1].startswith("set the alias production of iris to version")
    registry = MlflowRegistry(mlflow_server)
    assert registry.alias("iris", "production").release_id == old
    assert {v.release_id for v in registry.versions("iris")} >= {old, new}
    code, output, _ = run("release", "repair", "--json")
    assert code == 0
    assert json.loads("\n".join(output))[0]["changed"] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_promotion_that_is_ended_by_a_signal_is_undone_or_repaired(
    number, world, v2_peers, settings, run, serve
):
    old, new = (world.make_release(world.store, seed=seed).id for seed in (0, 1))
    assert run("promote", "--use-case", "iris", "--release", old)[0] == 0
    programs, served = [], []
    server = v2_peers.peers[Environment.PRODUCTION]

    def end(*_):
        served.append(server.scorers["iris"].release_id)
        programs[0].send_signal(number)
        programs[0].wait(120)
        return 503, {}, {}

    command = [sys.executable, "-m", "cli", "promote", "--use-case", "iris", "--release", new]
    with serve(end) as smoke:
        environment = child_environment(settings | {"GATEWAY_URL": smoke})
        programs.append(subprocess.Popen(command, env=environment))
        code = programs[0].wait(120)
    assert served == [new]
    killed = number == signal.SIGKILL
    assert code == (-signal.SIGKILL if killed else 1)
    assert server.scorers["iris"].release_id == (new if killed else old)
    code, output, errors = run("rollback", "--use-case", "iris")
    assert (code, "repaired" in "".join(output)) == ((0, True) if killed else (1, False))
    assert killed or "nothing to roll back to" in errors[-1]
    assert server.scorers["iris"].release_id == old
    assert json.loads((server.folder / "iris.json").read_bytes())["release_id"] == old


def test_a_canary_is_refused_with_the_reason(run):
    code, output, errors = run("canary", "--percent", "10")
    assert (code, output) == (1, [])
    assert "KServe divides connections, not requests" in errors[-1]


WRONG = {
    "no such command": (["releases"], {}, "No such command"),
    "no such use case": (["release", "list", "--use-case", "roses"], {}, "no use case 'roses'"),
    "no such environment": (["rollback", "--environment", "moon"], {}, "is not one of"),
    "no id": (["promote", "--release", "not-an-id"], {}, "is not a release id"),
    "no settings": (
        ["release", "list"],
        {"GATEWAY_URL": "", "MODEL_REPOSITORY": ""},
        "GATEWAY_URL",
    ),
    "no store": (["release", "list"], {"BLOB_STORE_URL": "ftp://x"}, "BLOB_STORE_URL"),
}


@pytest.mark.parametrize(("arguments", "settings", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_use_exits_with_2(arguments, settings, reason, run):
    code, output, errors = run(*arguments, **settings)
    assert (code, output) == (2, [])
    assert reason in errors[-1]


def test_a_release_whose_run_was_interrupted_is_staged_by_name(run, blob_store, make_release):
    release = make_release(blob_store)
    reason = ("--reason", "the run was interrupted")
    stage = partial(run, "release", "stage", "--use-case", "iris", *reason)
    code, output, errors = stage(release.id[:8])
    assert (code, errors) == (0, [])
    assert output[0].startswith(f"staging serves iris {release.id} (before: nothing)")
    ledger = Ledger(blob_store, SystemClock())
    (entry,) = ledger.entries("iris", Environment.STAGING)
    assert entry.change.reason == "the run was interrupted"

    code, output, errors = stage("00000000")
    assert (code, output) == (1, [])
    assert "00000000" in errors[-1]
