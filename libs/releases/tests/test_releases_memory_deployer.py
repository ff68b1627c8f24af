"""The deployer in memory fulfils the contract."""

import pytest

from releases.deployers.memory import MemoryDeployer
from releases.testing.deployer_contract import DeployerContract


class TestMemoryDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self, blob_store):
        return MemoryDeployer(blob_store)
