"""The KServe deployer: the contract, and what it makes of the templates.

If KUBECONFIG names a server that has KServe's definitions (and no controller), the contract also
runs against that server.
"""

import json
import os
import uuid
from pathlib import Path

import pytest
from kserve_cluster import GROUP, NAMESPACE, PLURAL, VERSION, Cluster, template
from kubernetes.client import CoreV1Api

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ConfigurationError, Conflict, NotFound
from platform_core.storage import release_path
from platform_core.testing.processes import wait_until
from releases.deployers import DeployableRelease
from releases.deployers.kserve.connect import api_client
from releases.deployers.kserve.desired import (
    DIGEST,
    RELEASE,
    RELEASE_ID,
    STABLE,
    STOP,
    service_name,
)
from releases.testing.deployer_contract import DeployerContract

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
STABLE_ROLE, CANARY, SHADOW = ServingRole.STABLE, ServingRole.CANARY, ServingRole.SHADOW
IMAGE = "registry.example/mlplatform/inference-service@sha256:" + "a" * 64


class TestKServeDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self, cluster):
        return cluster.deployer()


@pytest.mark.skipif(not os.environ.get("KUBECONFIG"), reason="KUBECONFIG names no server")
class TestKServeDeployerOnARealServer(DeployerContract):
    @pytest.fixture
    def deployer(self, pods):
        client = api_client(Path(os.environ["KUBECONFIG"]))
        namespace = f"mlplatform-test-{uuid.uuid4().hex[:8]}"
        CoreV1Api(client).create_namespace({"metadata": {"name": namespace}})
        cluster = Cluster(client, client, *pods, namespace)
        try:
            cluster.create_templates()
            with cluster.running():
                yield cluster.deployer()
        finally:
            CoreV1Api(client).delete_namespace(namespace)


@pytest.fixture
def deployer(cluster):
    return cluster.deployer()


@pytest.fixture
def releases(blob_store, make_release):
    """Three stored releases."""
    ids = [make_release(blob_store, "iris", seed).id for seed in range(3)]
    uris = [blob_store.uri(release_path("iris", release_id)) for release_id in ids]
    return [DeployableRelease("iris", *pair, "7") for pair in zip(ids, uris, strict=True)]


def name_of(release, environment=PRODUCTION):
    return service_name(release.use_case, environment, release.release_id)


def test_a_release_gets_a_copy_of_the_template(cluster, deployer, releases):
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    name = f"iris-production-{releases[0].release_id[:8]}"
    live = cluster.live(name)
    predictor = live["spec"]["predictor"]
    assert json.loads(predictor["annotations"].pop(RELEASE)) == {
        "use_case": "iris",
        "release_id": releases[0].release_id,
        "release_uri": releases[0].uri,
        "model_version": "7",
    }
    assert len(predictor["annotations"].pop(DIGEST)) == 16
    assert predictor["labels"].pop(RELEASE_ID) == live["metadata"]["labels"][RELEASE_ID]
    assert live["metadata"]["labels"][RELEASE_ID] == releases[0].release_id
    assert live["metadata"]["annotations"][STOP] == "false"
    expected = template(PRODUCTION)["spec"]["predictor"]
    expected["model"]["env"][0]["value"] = name
    assert predictor == expected


def test_a_release_has_an_address_that_ends_with_it(api_server, cluster, deployer, releases):
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    deployer.ensure(STAGING, releases[0], STABLE_ROLE)
    services = api_server.stores["services"]
    (name,) = (name for _, name in services.objects)
    live, service = cluster.live(name), services.get(NAMESPACE, name)
    assert name == name_of(releases[0])
    assert service["spec"]["selector"]["component"] == "predictor"
    (owner,) = service["metadata"]["ownerReferences"]
    assert owner["uid"] == live["metadata"]["uid"]
    deployer.prune(PRODUCTION, "iris", ())
    deployer.ensure(PRODUCTION, releases[1], STABLE_ROLE)
    assert name not in {name for _, name in services.objects}


def test_with_a_transformer_the_address_is_that_of_the_transformer(
    api_server, cluster, deployer, releases
):
    def separate(live):
        live["spec"]["transformer"] = {"containers": [{"name": "kserve-container"}]}
        return live

    api_server.store.change(NAMESPACE, "iris-production-template", separate, "kubectl")
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    name = name_of(releases[0])
    transformer = cluster.live(name)["spec"]["transformer"]
    assert releases[0].release_id in transformer["annotations"][RELEASE]
    service = api_server.stores["services"].get(NAMESPACE, name)
    assert service["spec"]["selector"]["component"] == "transformer"


def test_a_release_is_pinned_to_the_image_in_its_lineage(cluster, releases):
    pinned = {releases[0].release_id: IMAGE}
    deployer = cluster.deployer(image_of=lambda _, release: pinned.get(release))
    for release in releases[:2]:
        deployer.ensure(PRODUCTION, release, STABLE_ROLE)
    models = [cluster.live(name_of(r))["spec"]["predictor"]["model"] for r in releases[:2]]
    assert [model.get("image") for model in models] == [IMAGE, None]


def test_a_runtime_without_support_for_releases_gets_the_model_repository(
    api_server, cluster, deployer, releases
):
    api_server.store.delete(NAMESPACE, "iris-staging-template")
    api_server.store.create(NAMESPACE, template(STAGING, model_format="triton"), "kubectl")
    deployer.ensure(STAGING, releases[0], STABLE_ROLE)
    model = cluster.live(name_of(releases[0], STAGING))["spec"]["predictor"]["model"]
    assert model["storageUri"] == f"{releases[0].uri}/model"


def pods_of(api_server):
    return {
        pod["metadata"]["uid"]: pod["metadata"]["annotations"][RELEASE]
        for pod in api_server.stores["pods"].list(NAMESPACE)["items"]
    }


def test_promotion_and_rollback_touch_no_pod(api_server, cluster, deployer, releases):
    stable, canary, shadow = releases
    deployer.ensure(PRODUCTION, stable, STABLE_ROLE)
    deployer.set_stable(PRODUCTION, "iris", stable)
    deployer.ensure(PRODUCTION, canary, CANARY)
    deployer.ensure(PRODUCTION, shadow, SHADOW)
    before, loads = pods_of(api_server), list(cluster.pods.loads)
    assert len(before) == 2 * len(releases)
    for release in (canary, stable):  # promotion, and rollback to the warm release
        deployer.ensure(PRODUCTION, release, STABLE_ROLE)
        deployer.set_stable(PRODUCTION, "iris", release)
        assert deployer.is_stable(PRODUCTION, "iris", release.release_id)
    for role in ServingRole:
        for release in releases:
            assert deployer.is_ready(PRODUCTION, "iris", release.release_id, role)
    assert (pods_of(api_server), cluster.pods.loads) == (before, loads)


def test_another_registry_version_starts_no_pods(api_server, deployer, releases):
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    before = pods_of(api_server)
    again = DeployableRelease("iris", releases[0].release_id, releases[0].uri, "8")
    deployer.ensure(PRODUCTION, again, CANARY)
    assert pods_of(api_server) == before


def tags_of(api_server):
    pods = api_server.stores["pods"].list(NAMESPACE)["items"]
    return [pod["metadata"]["annotations"]["mlplatform/image-tag"] for pod in pods]


def test_a_changed_template_reaches_the_pods_of_every_release(
    api_server, cluster, deployer, releases
):
    pair = releases[:2]
    for release, role in zip(pair, (STABLE_ROLE, CANARY), strict=True):
        deployer.ensure(PRODUCTION, release, role)
    before = pods_of(api_server)
    api_server.store.change(NAMESPACE, "iris-production-template", newer, "kubectl")
    assert deployer.is_ready(PRODUCTION, "iris", pair[0].release_id, STABLE_ROLE)
    assert pods_of(api_server) == before
    assert deployer.refresh(STAGING, "iris") == []
    assert deployer.refresh(PRODUCTION, "iris") == sorted(r.release_id for r in pair)
    for release in pair:
        assert deployer.is_ready(PRODUCTION, "iris", release.release_id, STABLE_ROLE)
        deployer.ensure(PRODUCTION, release, STABLE_ROLE)
    assert wait_until(lambda: tags_of(api_server) == ["1.5.0"] * 4, 10)
    assert set(pods_of(api_server)) & set(before) == set()
    assert deployer.refresh(PRODUCTION, "iris") == []


def test_a_template_whose_pods_never_become_ready_leaves_the_old_pods(
    api_server, cluster, deployer, releases
):
    stable, warm = releases[:2]
    for release in (stable, warm):
        deployer.ensure(PRODUCTION, release, STABLE_ROLE)
    before = pods_of(api_server)
    cluster.controller.stuck |= {name_of(stable), name_of(warm)}
    api_server.store.change(NAMESPACE, "iris-production-template", newer, "kubectl")
    assert len(deployer.refresh(PRODUCTION, "iris")) == 2
    assert wait_until(lambda: len(pods_of(api_server)) == 8, 10)
    assert before.items() <= pods_of(api_server).items()
    # A rollback to the warm release does not wait for them.
    assert deployer.is_ready(PRODUCTION, "iris", warm.release_id, STABLE_ROLE)


def newer(live):
    """Change a template as a new build does."""
    live["spec"]["predictor"]["annotations"]["mlplatform/image-tag"] = "1.5.0"
    return live


def test_the_template_names_the_stable_release(cluster, deployer, releases):
    deployer.set_stable(PRODUCTION, "iris", releases[0])
    live = cluster.live("iris-production-template")
    assert live["metadata"]["labels"][STABLE] == releases[0].release_id
    deployer.ensure(PRODUCTION, releases[1], CANARY)
    assert STABLE not in cluster.live(name_of(releases[1]))["metadata"]["labels"]
    deployer.set_stable(PRODUCTION, "iris", None)
    live = cluster.live("iris-production-template")
    assert live["metadata"]["labels"] == template(PRODUCTION)["metadata"]["labels"]


def test_without_a_template_the_error_says_where_it_comes_from(api_server, deployer, releases):
    api_server.store.delete(NAMESPACE, "iris-staging-template")
    for call in (
        lambda: deployer.ensure(STAGING, releases[0], STABLE_ROLE),
        lambda: deployer.set_stable(STAGING, "iris", releases[0]),
    ):
        with pytest.raises(NotFound, match="add the use case to model-serving/inference-service"):
            call()
    deployer.set_stable(STAGING, "iris", None)
    assert deployer.is_stable(STAGING, "iris", None)


@pytest.mark.parametrize("mode", ["ModelMesh", None])
def test_a_mode_that_is_not_supported_is_named(api_server, deployer, releases, mode):
    api_server.store.delete(NAMESPACE, "iris-staging-template")
    value = template(STAGING)
    value["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] = mode
    api_server.store.create(NAMESPACE, value, "kubectl")
    with pytest.raises(ConfigurationError, match=rf"deploymentMode='?{mode}.*Standard or Knative"):
        deployer.ensure(STAGING, releases[0], STABLE_ROLE)


def test_a_name_that_is_too_long_is_refused():
    name = "a_very_long_name_of_a_use_case"
    with pytest.raises(ConfigurationError, match="would have 50 characters"):
        service_name(name, PRODUCTION, "0" * 32)


def test_what_another_program_made_is_not_touched(api_server, cluster, deployer, releases):
    foreign = template(PRODUCTION)
    foreign["metadata"]["name"] = name_of(releases[0])
    cluster.controller.stop()
    api_server.store.create(NAMESPACE, foreign, "kubectl")
    with pytest.raises(Conflict, match=r"has no label mlplatform/release-id.*rename or delete it"):
        deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    assert deployer.prune(PRODUCTION, "iris", ()) == []
    assert not deployer.is_ready(PRODUCTION, "iris", releases[0].release_id, STABLE_ROLE)
    assert cluster.live(name_of(releases[0]))["spec"] == foreign["spec"]


def test_two_releases_with_the_same_first_digits_do_not_share_a_service(deployer, releases):
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    twin = releases[0].release_id[:8] + "0" * 24
    with pytest.raises(Conflict, match=f"serves release {releases[0].release_id}"):
        deployer.ensure(PRODUCTION, DeployableRelease("iris", twin, releases[0].uri), CANARY)
    assert not deployer.is_ready(PRODUCTION, "iris", twin, CANARY)


def test_a_service_of_the_first_version_is_removed(api_server, cluster, deployer, releases):
    """It was named after the environment and had the same labels."""
    old = template(PRODUCTION)
    old["metadata"]["name"] = "iris-production"
    old["metadata"]["labels"][RELEASE_ID] = releases[1].release_id
    cluster.objects.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, old)
    deployer.ensure(PRODUCTION, releases[0], STABLE_ROLE)
    keep = [(releases[0].release_id, STABLE_ROLE)]
    assert deployer.prune(PRODUCTION, "iris", keep) == [releases[1].release_id]


def test_without_access_to_a_cluster_the_error_says_how_to_configure_it(tmp_path):
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        api_client(None)
    (tmp_path / "broken").write_text("{}")
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        api_client(tmp_path / "broken")
