"""The commands of releases, with a real MLflow server."""

import json
from datetime import timedelta
from functools import partial
from threading import Event, Thread

import pytest
import yaml

from platform_core.adapters.registry.mlflow import MlflowRegistry
from platform_core.changes import Changes
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus, ControllerState
from platform_core.contracts.serving_state import GatewayState
from platform_core.errors import Refused, Unavailable
from platform_core.storage import CONTROLLER, gateway_path
from platform_core.testing.processes import wait_until
from releases.bootstrap import build
from releases.changes.requests import ChangeRequests, Requested
from releases.settings import ReleaseSettings

PRODUCTION = Environment.PRODUCTION


@pytest.fixture
def settings(v2_peers, tmp_path, monkeypatch):
    """The settings of the program; nothing answers in place of MLflow, and it is asked once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    urls = {k.upper(): v for k, v in v2_peers.settings.model_dump().items()}
    return {
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "DEPLOYER_URL": f"file://{v2_peers.repository}",
        **urls,
    }


@pytest.fixture
def run(settings, mlplatform):
    """Return a function that runs a command: its exit code, output and errors as lines."""

    def run(*arguments, **others):
        done = mlplatform(settings | others, *arguments)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return run


@pytest.fixture
def controller(settings, world):
    """Applies what is recorded, in a thread, as the release controller does."""
    service = build(ReleaseSettings(**{k.lower(): v for k, v in settings.items()})).service
    changes, stop = Changes(world.store, SystemClock()), Event()

    def apply():
        while not stop.wait(0.05):
            for recorded in changes.open():
                request = recorded.request
                if recorded.status is ChangeStatus.REQUESTED:
                    report = partial(changes.begin_step, request.change_id)
                    changes.finish(service.apply(request, report))

    thread = Thread(target=apply)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_promote_list_and_roll_back(run, world, controller):
    release = world.release()
    code, output, errors = run("promote", "-u", "iris", "--release", release[:8])
    assert (code, errors) == (0, [])
    assert output[-1] == f"production serves iris {release} (before: nothing)"
    assert f"verifying {release:.12}" in output
    (entry,) = world.ledger.entries("iris", PRODUCTION)
    assert entry.change.actor

    code, output, _ = run("promote", "-u", "iris", "--release", release)
    assert (code, output[-1]) == (0, f"production serves iris {release} as before: nothing to do")

    code, output, errors = run("rollback", "-u", "iris")
    assert (code, "nothing to roll back to" in errors[-1]) == (1, True)

    code, output, _ = run("release", "list")
    assert code == 0
    assert any(line.startswith(release[:12]) and "production" in line for line in output)
    assert any(line.startswith("spam: no releases yet") for line in output)

    code, output, _ = run("release", "show", release[:12], "-u", "iris")
    shown = yaml.safe_load("\n".join(output))
    assert (code, shown["release_id"], "calibration" in shown) == (0, release, False)
    code, output, _ = run("release", "show", release[:12], "-u", "iris", "--json")
    lineage = json.loads("\n".join(output))
    assert shown == {name: lineage[name] for name in shown}


def test_canary_shadow_and_abort(run, world, controller):
    old, new, third = (world.release(seed) for seed in range(3))
    assert run("promote", "-u", "iris", "-r", old)[0] == 0
    code, output, errors = run("canary", "-u", "iris", "-r", new, "--percent", "10")
    assert (code, errors) == (0, [])
    words = f"production of iris: stable {old:.12}, canary {new:.12} (10 %)"
    assert output[-1] == words
    assert run("shadow", "-u", "iris", "-r", third)[1][-1] == f"{words}, shadow {third:.12} (100 %)"
    wrong = json.dumps({"stable": new})
    code, _, errors = run("abort", "-u", "iris", "--expected-state", wrong)
    assert (code, f"stable is {old}, expected {new}" in errors[-1]) == (1, True)
    code, output, errors = run("abort", "-u", "iris", "--json")
    change = json.loads("\n".join(output))
    assert (code, errors, change["status"]) == (0, [], "applied")
    assert change["to_state"] == {"stable": old, "canary": None, "shadow": None}
    code, output, errors = run("canary", "-u", "iris", "-r", old, "--json")
    assert (code, json.loads("\n".join(output))["status"]) == (1, "refused")
    assert "is the stable release" in errors[-1]


def test_repair_rebuilds_the_registry(run, world, controller, mlflow_server):
    old, new = (world.make_release(world.store, seed=seed).id for seed in (2, 3))
    for release in (old, new):
        assert run("promote", "-u", "iris", "--release", release)[0] == 0
    code, output, _ = run("rollback", "-u", "iris")
    assert code == 0
    assert output[-1].startswith(f"production serves iris {old} (before: {new})")
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
    reports = json.loads("\n".join(output))
    assert (code, {report["use_case"] for report in reports} > {"iris"}) == (0, True)
    assert all(report["changed"] == report["problems"] == [] for report in reports)


def test_a_suggested_change_is_listed_approved_and_applied(run, world, controller):
    release = world.release()
    changes = Changes(world.store, SystemClock())
    suggested = world.request(Action.PROMOTE, release, approvals=1)
    changes.submit(suggested)
    code, output, _ = run("change", "list")
    assert (code, len(output)) == (0, 1)
    assert suggested.change_id in output[0]
    assert "suggested" in output[0]
    assert run("change", "approve", suggested.change_id)[0] == 0
    assert wait_until(lambda: changes.get(suggested.change_id).result is not None, 20)
    assert world.state().stable == release
    code, output, _ = run("change", "show", suggested.change_id, "--json")
    assert (code, json.loads("\n".join(output))["status"]) == (0, "applied")
    assert run("change", "list")[1] == ["no changes wait"]
    assert suggested.change_id in run("change", "list", "--all")[1][0]
    code, _, errors = run("change", "reject", suggested.change_id)
    assert (code, "is applied; only a suggested one" in errors[-1]) == (1, True)


def test_without_a_controller_the_change_waits_and_can_be_withdrawn(world):
    release = world.release()
    requests = ChangeRequests(world.store, SystemClock(), patience_seconds=0.1)
    change_id = requests.submit(
        Requested(Action.PROMOTE, "iris", PRODUCTION, "ada", "why", release_id=release[:6])
    )
    steps = []
    with pytest.raises(Unavailable, match="no release controller took the change") as caught:
        requests.follow(change_id, steps.append)
    assert f"mlplatform change reject {change_id}" in str(caught.value)
    changes = Changes(world.store, SystemClock())
    assert changes.get(change_id).request.release_id == release
    changes.decide(change_id, "ada", False, "not now")
    with pytest.raises(Refused, match="was rejected: ada: not now"):
        requests.follow(change_id)


def test_a_busy_controller_is_waited_for(world):
    later = SystemClock().now() + timedelta(minutes=1)
    state = ControllerState(time=later, applying=("another",))
    world.store.write(CONTROLLER, state.model_dump_json().encode())
    requests = ChangeRequests(world.store, SystemClock(), patience_seconds=0.2)
    release, steps = world.release(), []
    change_id = requests.submit(
        Requested(Action.PROMOTE, "iris", PRODUCTION, "ada", "why", release_id=release)
    )
    changes = Changes(world.store, SystemClock())

    def report(step):
        steps.append(step)
        changes.finish(world.service.apply(changes.get(change_id).request))

    assert requests.follow(change_id, report).status is ChangeStatus.APPLIED
    assert steps == ["waiting: the release controller applies another first"]


def test_gateways_are_waited_for(world):
    requests = ChangeRequests(world.store, world.clock)
    change = world.promote(world.release())
    nothing_to_do = world.promote(change.to_release)

    def wait(change):
        return requests.wait_for_gateways(change, seconds=0)

    def gateway(sequence, age=timedelta(0)):
        entries = {"iris/production": sequence, "iris/staging": 0}
        state = GatewayState(gateway_id="one", time=world.clock.now() - age, entries=entries)
        world.store.write(gateway_path("one"), state.model_dump_json().encode())

    assert wait(change)
    gateway(0)
    assert not wait(change)
    assert wait(nothing_to_do)
    gateway(1)
    assert wait(change)
    gateway(0, age=timedelta(minutes=3))
    assert wait(change)


PERCENTS = {
    ("canary", "0"): "percent '0' of a canary: use a whole number from 1 to 99",
    ("canary", "100"): "from 1 to 99, and `mlplatform promote` to have the release answer every",
    ("canary", "101"): "percent '101' of a canary",
    ("canary", "33.3"): "percent '33.3' of a canary: use a whole number",
    ("shadow", "0"): "percent '0' of a shadow: use a whole number from 1 to 100",
    ("shadow", "-1"): "percent '-1' of a shadow",
}


@pytest.mark.parametrize(("command", "reason"), PERCENTS.items(), ids=map(" ".join, PERCENTS))
def test_a_wrong_percent_exits_with_2(command, reason, run):
    name, percent = command
    code, output, errors = run(name, f"--percent={percent}")
    assert (code, output) == (2, [])
    assert reason in errors[-1]


WRONG = {
    "no such command": (["releases"], {}, "No such command"),
    "no such use case": (["release", "list", "--use-case", "roses"], {}, "no use case 'roses'"),
    "no such environment": (["rollback", "--environment", "moon"], {}, "is not one of"),
    "no id": (["promote", "--release", "not-an-id"], {}, "is not a release id"),
    "no settings": (["release", "repair"], {"DEPLOYER_URL": ""}, "DEPLOYER_URL"),
    "no state": (
        ["abort", "--expected-state", "moon"],
        {},
        "--expected-state 'moon' is not a serving state",
    ),
    "no store": (["release", "list"], {"BLOB_STORE_URL": "ftp://x"}, "BLOB_STORE_URL"),
}


@pytest.mark.parametrize(("arguments", "settings", "reason"), WRONG.values(), ids=WRONG)
def test_a_usage_error_exits_with_2(arguments, settings, reason, run):
    code, output, errors = run(*arguments, **settings)
    assert (code, output) == (2, [])
    assert reason in errors[-1]


def test_a_release_whose_run_was_interrupted_is_staged_by_name(run, world, controller):
    release = world.release()
    reason = ("--reason", "the run was interrupted")
    stage = partial(run, "release", "stage", "--use-case", "iris", *reason)
    code, output, errors = stage(release[:8])
    assert (code, errors) == (0, [])
    assert output[-1].startswith(f"staging serves iris {release} (before: nothing)")
    (entry,) = world.ledger.entries("iris", Environment.STAGING)
    assert entry.change.reason == "the run was interrupted"

    code, output, errors = stage("00000000")
    assert (code, output) == (1, [])
    assert "00000000" in errors[-1]
