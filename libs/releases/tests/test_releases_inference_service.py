"""The embedded deployer against the real inference services of both environments."""

import shlex
import sys
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from itertools import product

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.settings import ServingSettings
from platform_core.storage.model_repository import ServerPool
from platform_core.testing.processes import answers, free_port, missing, running
from releases.deployers.embedded import EmbeddedDeployer
from releases.testing.deployer_contract import DeployerContract


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture(scope="module")
def servers(home):
    """Both environments' services, as separate processes; yields how to reach them."""
    if find_spec("inference_service") is None:
        missing("the inference service", "run `make setup`")
    urls = {}
    with ExitStack() as processes:
        for environment, pool in product(Environment, ServerPool):
            port = free_port()
            kind = "inference" if pool is ServerPool.STABLE else "candidate"
            urls[f"{kind}_url_{environment}"] = f"http://127.0.0.1:{port}"
            settings = {
                "SERVING_ENVIRONMENT": environment,
                "INFERENCE_POOL": pool,
                "MODEL_REPOSITORY": str(home / "repository"),
                "BLOB_STORE_URL": f"file://{home}/blob",
                "FEAST_REPOSITORY": str(home / "feast"),
                "FEAST_ONLINE_PATH": str(home / "feast" / "online.db"),
                "INFERENCE_HTTP_PORT": str(port),
                "INFERENCE_GRPC_PORT": str(free_port()),
            }
            command = [sys.executable, "-m", "inference_service"]
            ready = partial(answers, port, "/v2/health/live")
            if pool is ServerPool.CANDIDATES:  # it listens only while it has releases
                command = ["sh", "-c", f"while {shlex.join(command)}; do :; done"]
                ready = partial(bool, True)
            folder = home / f"{environment}-{pool}"
            processes.enter_context(running(command, ready, folder, settings))
        yield ServingSettings(**urls)


class TestEmbeddedDeployerOnInferenceServices(DeployerContract):
    @pytest.fixture
    def blob_store(self, home):
        return LocalBlobStore(home / "blob")

    @pytest.fixture
    def deployer(self, home, servers):
        deployer = EmbeddedDeployer(home / "repository", servers, 120)
        for environment in Environment:
            deployer.set_stable(environment, "iris", None)
            deployer.prune(environment, "iris", ())
        return deployer
