"""Pinned images, and the deployer that the settings select."""

import pytest
from kubernetes_api.server import ApiServer

from platform_core.errors import ConfigurationError
from platform_core.storage import LINEAGE_FILE, release_path
from releases.bootstrap import deployer
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.images import PinnedImages, pinned_image, repository
from releases.deployers.kserve import KServeDeployer
from releases.settings import ReleaseSettings
from scoring import load_lineage

DIGEST = f"@sha256:{'a' * 64}"
OURS = "registry.example:5000/mlplatform/inference-service"


@pytest.fixture
def pin(blob_store, make_release):
    def pin(image):
        release = make_release(blob_store).id
        lineage = load_lineage(blob_store, "iris", release)
        text = lineage.model_copy(update={"serving_image": image}).model_dump_json()
        blob_store.write(f"{release_path('iris', release)}/{LINEAGE_FILE}", text.encode())
        return release

    return pin


@pytest.mark.parametrize("image", [OURS + DIGEST, f"{OURS}:1.4{DIGEST}", None])
def test_a_release_uses_the_image_in_its_lineage(blob_store, pin, image):
    assert PinnedImages(blob_store, f"{OURS}:1.5")("iris", pin(image)) == image


@pytest.mark.parametrize("image", [f"evil.example/inference-service{DIGEST}", f"{OURS}:1.4"])
def test_an_image_of_another_repository_or_without_a_digest_is_refused(blob_store, pin, image):
    with pytest.raises(ConfigurationError, match="SERVING_IMAGE"):
        PinnedImages(blob_store, f"{OURS}:1.5")("iris", pin(image))


def test_a_missing_release_is_left_to_the_runtime(blob_store):
    assert PinnedImages(blob_store, OURS)("iris", "0" * 32) is None


def test_only_a_digest_pins_an_image():
    assert pinned_image(OURS + DIGEST) == OURS + DIGEST
    assert pinned_image(f"{OURS}:1.4") is None
    assert pinned_image("") is None
    assert {repository(f"{OURS}{t}") for t in ("", ":1.4", DIGEST, f":1.4{DIGEST}")} == {OURS}


def settings(**given):
    common = {
        "blob_store_url": "file:///x",
        "mlflow_tracking_uri": "http://mlflow",
        "inference_url_staging": "http://staging",
        "inference_url_production": "http://production",
        "gateway_url": "http://gateway",
        "gateway_api_key": "key",
    }
    return ReleaseSettings(**common | given)


def test_the_url_selects_the_deployer(blob_store, tmp_path):
    folder = settings(deployer_url=f"file://{tmp_path}")
    assert isinstance(deployer(folder, blob_store), EmbeddedDeployer)
    config = ApiServer(port=1).kubeconfig(tmp_path)
    cluster = settings(deployer_url="kserve://serving", kubeconfig=config)
    assert isinstance(deployer(cluster, blob_store), KServeDeployer)


@pytest.mark.parametrize("url", ["ftp://x", "kserve://", "/folder"])
def test_an_unknown_url_is_refused(blob_store, url):
    with pytest.raises(ConfigurationError, match="DEPLOYER_URL"):
        deployer(settings(deployer_url=url), blob_store)
