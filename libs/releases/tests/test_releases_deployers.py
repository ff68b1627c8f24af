"""Deployers: the contract, and failures of the embedded one."""

import json

import pytest

from platform_core.contracts.environments import Environment
from platform_core.errors import UpstreamUnavailable
from platform_core.settings import ServingSettings
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.environment_memory import EnvironmentMemoryDeployer
from releases.testing.environment_contract import EnvironmentDeployerContract

STAGING = Environment.STAGING


class TestMemoryDeployer(EnvironmentDeployerContract):
    @pytest.fixture
    def deployer(self, blob_store):
        return EnvironmentMemoryDeployer(blob_store)


class TestEmbeddedDeployer(EnvironmentDeployerContract):
    @pytest.fixture
    def deployer(self, v2_peers):
        return EmbeddedDeployer(v2_peers.repository, v2_peers.settings, 10)

    def test_the_pointer_names_release_and_version(self, put, v2_peers, blob_store, make_release):
        release = make_release(blob_store).id
        put(release, version="7")
        assert json.loads((v2_peers.repository / "staging" / "iris.json").read_bytes()) == {
            "use_case": "iris",
            "release_id": release,
            "release_uri": blob_store.uri(f"models/iris/{release}"),
            "model_version": "7",
        }

    def test_a_pointer_that_a_dead_process_left_is_not_what_is_served(
        self, deployer, put, v2_peers, blob_store, make_release
    ):
        release = make_release(blob_store).id
        put(release)
        file = v2_peers.repository / "staging" / "iris.json"
        for left in (file.read_text().replace(release, "0" * 32), "[]", "{"):
            file.write_text(left)
            assert deployer.served("iris", STAGING) == release
            assert not deployer.serves_only("iris", STAGING, release)
        put(release)
        assert deployer.serves_only("iris", STAGING, release)

    def test_a_server_that_never_becomes_ready_times_out(
        self, put, v2_peers, blob_store, make_release
    ):
        old, new = make_release(blob_store, seed=0).id, make_release(blob_store, seed=1).id
        put(old)
        v2_peers.peers[STAGING].never_ready = True
        deployer = EmbeddedDeployer(v2_peers.repository, v2_peers.settings, 0.2)
        with pytest.raises(UpstreamUnavailable, match="did not answer with release"):
            deployer.deploy("iris", STAGING, new, blob_store.uri(f"models/iris/{new}"), "2")
        pointer = json.loads((v2_peers.repository / "staging" / "iris.json").read_bytes())
        assert pointer["release_id"] == old
        assert deployer.served("iris", STAGING) == old

    def test_a_server_that_is_down_leaves_the_old_pointer(self, tmp_path, serve):
        with serve(lambda *_: (200, {}, {})) as gone:
            settings = ServingSettings(inference_url_staging=gone, inference_url_production=gone)
        pointer = tmp_path / "staging" / "iris.json"
        pointer.parent.mkdir()
        pointer.write_text("{}")
        deployer = EmbeddedDeployer(tmp_path, settings, 1)
        with pytest.raises(UpstreamUnavailable, match="does not answer at"):
            deployer.deploy("iris", STAGING, "0" * 32, "file:///nowhere", "1")
        assert pointer.read_text() == "{}"
        with pytest.raises(UpstreamUnavailable):
            deployer.served("iris", STAGING)

    def test_a_server_error_is_not_a_refusal(self, tmp_path, serve):
        with serve(lambda *_: (500, {}, {"error": "out of memory"})) as broken:
            settings = ServingSettings(
                inference_url_staging=broken, inference_url_production=broken
            )
            deployer = EmbeddedDeployer(tmp_path, settings, 1)
            with pytest.raises(UpstreamUnavailable, match="out of memory"):
                deployer.deploy("iris", STAGING, "0" * 32, "file:///nowhere", "1")
        assert not (tmp_path / "staging" / "iris.json").exists()
