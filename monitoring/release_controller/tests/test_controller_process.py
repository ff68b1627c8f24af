"""The controller as a process, with real inference services, changed by the command line."""

import json
import shlex
import sys
from contextlib import ExitStack
from functools import partial

import httpx
import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole, ServingState, model_name
from platform_core.ledger import Ledger
from platform_core.settings import ServingSettings
from platform_core.storage.model_repository import ServerPool
from platform_core.testing.processes import answers, free_port, running, wait_until
from scoring.testing import make_release, store_test_rows

PRODUCTION = Environment.PRODUCTION
STABLE, CANARY, SHADOW = ServingRole.STABLE, ServingRole.CANARY, ServingRole.SHADOW
QUICK_SECONDS = 2.0
START_SECONDS = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("controller")


@pytest.fixture(scope="module")
def store(home):
    store = LocalBlobStore(home / "blob")
    store_test_rows(store, "iris")
    return store


@pytest.fixture(scope="module")
def releases(store):
    return [make_release(store, "iris", seed).id for seed in range(3)]


@pytest.fixture(scope="module")
def settings(home):
    """Settings of all programs; no MLflow server answers."""
    ports = {name: free_port() for name in ("stable", "candidates", "controller")}
    main, candidates = (f"http://127.0.0.1:{ports[name]}" for name in ("stable", "candidates"))
    return {
        "BLOB_STORE_URL": f"file://{home}/blob",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "MODEL_REPOSITORY": f"{home}/repository",
        "DEPLOYER_URL": f"file://{home}/repository",
        "FEAST_REPOSITORY": f"{home}/feast",
        "FEAST_ONLINE_PATH": f"{home}/feast/online.db",
        "SERVING_ENVIRONMENT": "production",
        "INFERENCE_URL_STAGING": "http://127.0.0.1:1",
        "INFERENCE_URL_PRODUCTION": main,
        "CANDIDATE_URL_PRODUCTION": candidates,
        "CONTROLLER_PORT": str(ports["controller"]),
        "CONTROLLER_RECONCILE_SECONDS": "0.5",
        "POLICY_FOLDER": f"{home}/policies",
        "DEPLOY_TIMEOUT_SECONDS": str(START_SECONDS),
    }


def port_of(url):
    return int(url.rpartition(":")[2])


@pytest.fixture(scope="module")
def servers(home, settings):
    """Production's servers; that of the candidates waits for its first pointer."""
    command = [sys.executable, "-m", "inference_service"]
    main, candidates = settings["INFERENCE_URL_PRODUCTION"], settings["CANDIDATE_URL_PRODUCTION"]
    with ExitStack() as processes:
        for pool, url in ((ServerPool.STABLE, main), (ServerPool.CANDIDATES, candidates)):
            own = {
                "INFERENCE_POOL": pool,
                "INFERENCE_HTTP_PORT": str(port_of(url)),
                "INFERENCE_GRPC_PORT": str(free_port()),
            }
            always = ["sh", "-c", f"while {shlex.join(command)}; do :; done"]
            ready = partial(answers, port_of(url), "/v2/health/live")
            if pool is ServerPool.CANDIDATES:
                ready = partial(bool, True)
            processes.enter_context(running(always, ready, home / pool, settings | own))
        yield


@pytest.fixture(scope="module")
def start(home, settings, servers):
    """Return a context manager that runs a controller."""
    command = [sys.executable, "-m", "release_controller"]
    ready = partial(answers, int(settings["CONTROLLER_PORT"]), "/health/live")
    return partial(running, command, ready, home / "controller-program", settings)


@pytest.fixture(scope="module")
def controller(start):
    with start():
        yield


@pytest.fixture
def run(settings, mlplatform):
    """Return a function that runs a command: its exit code, output and errors as lines."""

    def run(*arguments):
        done = mlplatform(settings, *arguments)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return run


def served(settings, release, role):
    """Return what the service of a release says that it serves, `None` without one."""
    url = ServingSettings(**{k.lower(): v for k, v in settings.items()}).release_url(
        PRODUCTION, "iris", release, role
    )
    try:
        answer = httpx.get(f"{url}/v2/models/{model_name('iris', release)}")
    except httpx.ConnectError:
        return None
    return answer.json()["versions"][0] if answer.status_code == httpx.codes.OK else None


def state(store):
    return Ledger(store, SystemClock()).state("iris", PRODUCTION)


def test_a_release_is_promoted_tried_and_withdrawn(run, settings, store, releases, controller):
    old, new, third = releases
    assert run("promote", "-u", "iris", "--release", old[:10])[0] == 0
    assert served(settings, old, STABLE) == old

    code, output, errors = run("canary", "-u", "iris", "-r", new, "--percent", "10")
    assert (code, errors) == (0, [])
    assert output[-1].endswith(f"canary {new:.12} (10 %)")
    assert served(settings, new, CANARY) == new
    begun = state(store).canary

    assert run("canary", "-u", "iris", "--percent", "50")[0] == 0
    assert state(store).canary == begun.model_copy(update={"percent": 50})
    assert run("shadow", "-u", "iris", "-r", third)[0] == 0
    assert served(settings, third, SHADOW) == third
    code, output, errors = run("promote", "-u", "iris", "-r", third)
    assert (code, "is only a shadow" in errors[-1]) == (1, True)

    code, output, _ = run("promote", "-u", "iris", "--json")
    assert (code, json.loads("\n".join(output))["status"]) == (0, "applied")
    assert state(store).stable == new
    assert served(settings, new, STABLE) == new

    assert run("abort", "-u", "iris")[0] == 0
    assert state(store) == ServingState(stable=new)
    assert wait_until(lambda: served(settings, third, SHADOW) is None, START_SECONDS)

    code, output, _ = run("rollback", "-u", "iris")
    assert (code, state(store).stable) == (0, old)
    assert output[-1].startswith(f"production serves iris {old} (before: {new})")
    page = httpx.get(f"http://127.0.0.1:{settings['CONTROLLER_PORT']}/metrics").text
    place = 'environment="production",status="applied",use_case="iris"'
    assert f'release_controller_changes_total{{action="rollback",{place}}} 1.0' in page
