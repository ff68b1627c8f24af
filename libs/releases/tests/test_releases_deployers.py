"""Deployers: the contract, and failures of the embedded one."""

import json
from threading import Thread
from time import sleep

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import UpstreamUnavailable
from platform_core.settings import ServingSettings
from releases.deployers import DeployableRelease
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.memory import MemoryDeployer
from releases.testing.deployer_contract import DeployerContract

STAGING = Environment.STAGING
STABLE, CANARY = ServingRole.STABLE, ServingRole.CANARY
MISSING = DeployableRelease("iris", "0" * 32, "file:///nowhere")


class TestMemoryDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self, blob_store):
        return MemoryDeployer(blob_store)


class TestEmbeddedDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self, v2_peers):
        return EmbeddedDeployer(v2_peers.repository, v2_peers.settings, 10)

    def test_pointers_name_release_and_version(self, deployer, stored, v2_peers, blob_store):
        release, canary = stored(0), stored(1)
        deployer.ensure(STAGING, release, STABLE)
        deployer.ensure(STAGING, canary, CANARY)
        deployer.set_stable(STAGING, "iris", release)
        names = {
            f"staging/iris-{release.release_id[:8]}.json": release,
            f"staging-candidates/iris-{canary.release_id[:8]}.json": canary,
            "staging/iris.json": release,
        }
        found = {str(f.relative_to(v2_peers.repository)) for f in v2_peers.repository.glob("*/*")}
        assert found == set(names)
        for name, expected in names.items():
            assert json.loads((v2_peers.repository / name).read_bytes()) == {
                "use_case": "iris",
                "release_id": expected.release_id,
                "release_uri": blob_store.uri(f"models/iris/{expected.release_id}"),
                "model_version": "1",
            }

    def test_a_ready_service_is_left_as_it_is(self, deployer, stored, v2_peers):
        release = stored(0)
        deployer.ensure(STAGING, release, STABLE)
        newer = DeployableRelease("iris", release.release_id, release.uri, "2")
        deployer.ensure(STAGING, newer, STABLE)
        assert v2_peers.peers[STAGING].loads == 1

    def test_a_pointer_that_a_dead_process_left_is_not_what_is_served(
        self, deployer, stored, v2_peers
    ):
        release = stored(0)
        deployer.ensure(STAGING, release, STABLE)
        file = v2_peers.repository / "staging" / f"iris-{release.release_id[:8]}.json"
        for left in (file.read_text().replace(release.release_id, "0" * 32), "[]", "{"):
            file.write_text(left)
            assert not self.is_ready(deployer, release, STABLE)
        deployer.ensure(STAGING, release, STABLE)
        assert self.is_ready(deployer, release, STABLE)

    def test_a_candidate_waits_for_its_server_to_start(self, stored, v2_peers, serve):
        peer = v2_peers.candidates[STAGING]
        with serve(lambda *_: (200, {}, {})) as gone:
            settings = v2_peers.settings.model_copy(update={"candidate_url_staging": gone})
        deployer = EmbeddedDeployer(v2_peers.repository, settings, 10)
        release, done = stored(0), []
        begun = Thread(target=lambda: done.append(deployer.ensure(STAGING, release, CANARY)))
        begun.start()
        while not list(peer.folder.glob("*.json")):
            sleep(0.01)
        port = int(gone.rpartition(":")[2])
        with serve(peer, port):
            begun.join()
            assert done == [None]
            assert self.is_ready(deployer, release, CANARY)
        assert deployer.prune(STAGING, "iris", ()) == [release.release_id]
        assert list(peer.folder.glob("*.json")) == []

    def test_a_server_that_never_becomes_ready_times_out(self, stored, v2_peers):
        v2_peers.peers[STAGING].never_ready = True
        deployer = EmbeddedDeployer(v2_peers.repository, v2_peers.settings, 0.2)
        with pytest.raises(UpstreamUnavailable, match="did not answer with release"):
            deployer.ensure(STAGING, stored(0), STABLE)

    def test_a_server_that_is_down(self, tmp_path, serve):
        with serve(lambda *_: (200, {}, {})) as gone:
            settings = ServingSettings(inference_url_staging=gone, inference_url_production=gone)
        deployer = EmbeddedDeployer(tmp_path, settings, 1)
        with pytest.raises(UpstreamUnavailable, match="does not answer at"):
            deployer.ensure(STAGING, MISSING, STABLE)
        with pytest.raises(UpstreamUnavailable):
            deployer.is_ready(STAGING, "iris", MISSING.release_id, STABLE)
        assert deployer.prune(STAGING, "iris", ()) == [MISSING.release_id]
        assert list(tmp_path.glob("*/*.json")) == []

    def test_a_server_error_is_not_a_refusal(self, tmp_path, serve):
        with serve(lambda *_: (500, {}, {"error": "out of memory"})) as broken:
            settings = ServingSettings(
                inference_url_staging=broken, inference_url_production=broken
            )
            deployer = EmbeddedDeployer(tmp_path, settings, 1)
            with pytest.raises(UpstreamUnavailable, match="out of memory"):
                deployer.ensure(STAGING, MISSING, STABLE)
            with pytest.raises(UpstreamUnavailable, match="out of memory"):
                deployer.prune(STAGING, "iris", ())
        assert deployer.prune(STAGING, "iris", ()) == [MISSING.release_id]
