"""The embedded deployer against the real inference services of both environments."""

import sys
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.settings import ServingSettings
from platform_core.testing.processes import answers, free_port, missing, running
from releases.deployers.embedded import EmbeddedDeployer
from releases.testing.environment_contract import EnvironmentDeployerContract


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
        for environment in Environment:
            port = free_port()
            urls[f"inference_url_{environment}"] = f"http://127.0.0.1:{port}"
            settings = {
                "SERVING_ENVIRONMENT": environment,
                "MODEL_REPOSITORY": str(home / "repository"),
                "BLOB_STORE_URL": f"file://{home}/blob",
                "FEAST_REPOSITORY": str(home / "feast"),
                "FEAST_ONLINE_PATH": str(home / "feast" / "online.db"),
                "INFERENCE_HTTP_PORT": str(port),
                "INFERENCE_GRPC_PORT": str(free_port()),
            }
            command = [sys.executable, "-m", "inference_service"]
            ready = partial(answers, port, "/v2/health/live")
            processes.enter_context(running(command, ready, home / environment, settings))
        yield ServingSettings(**urls)


class TestEmbeddedDeployerOnInferenceServices(EnvironmentDeployerContract):
    @pytest.fixture
    def blob_store(self, home):
        return LocalBlobStore(home / "blob")

    @pytest.fixture
    def deployer(self, home, servers):
        deployer = EmbeddedDeployer(home / "repository", servers, 30)
        for environment in Environment:
            deployer.withdraw("iris", environment)
        return deployer
