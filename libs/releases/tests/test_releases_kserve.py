"""The KServe deployer: the contract, and failures between it and an API server.

If KUBECONFIG names a server that has KServe's definitions (and no controller), the contract also
runs against that server.
"""

import contextlib
import os
import threading
import uuid
from pathlib import Path

import pytest
from kubernetes.client import CoreV1Api, CustomObjectsApi
from kubernetes_api.controller import KServeController
from kubernetes_api.server import ApiServer

from platform_core.contracts.environments import Environment
from platform_core.errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    PlatformError,
    Refused,
    ReleaseRefused,
    UpstreamUnavailable,
)
from platform_core.storage import release_path
from releases.deployers.kserve import KServeDeployer
from releases.deployers.kserve.api import GROUP, PLURAL, VERSION, InferenceServiceApi
from releases.deployers.kserve.connect import api_client
from releases.deployers.kserve.desired import MODE, RELEASE, STOP
from releases.deployers.v2 import V2Services
from releases.testing.environment_contract import EnvironmentDeployerContract
from scoring.release import model_file

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
NAMESPACE = "serving"
IMAGE = "registry.example/mlplatform/inference-service@sha256:" + "a" * 64
MODES = {STAGING: "Knative", PRODUCTION: "Standard"}


def inference_service(environment, namespace=NAMESPACE, model_format="mlplatform-release"):
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "InferenceService",
        "metadata": {
            "name": f"iris-{environment}",
            "namespace": namespace,
            "annotations": {"serving.kserve.io/deploymentMode": MODES[environment]},
        },
        "spec": {
            "predictor": {
                "annotations": {"mlplatform/image-tag": "1.4.0"},
                "model": {"runtime": "onnx-runtime", "modelFormat": {"name": model_format}},
            }
        },
    }


class Cluster:
    """An API server with both InferenceServices, KServe's controller, and pods that answer."""

    def __init__(self, client, controller_client, v2_peers, namespace=NAMESPACE):
        self.v2_peers, self.namespace = v2_peers, namespace
        self.client = client
        self.objects = CustomObjectsApi(controller_client)
        self.controller = KServeController(controller_client, namespace, self.load)

    def load(self, name, pointer):
        peer = self.v2_peers.peers[Environment(name.partition("-")[2])]
        if pointer is None:
            peer.unload("iris")
            return
        peer.folder.mkdir(parents=True, exist_ok=True)
        (peer.folder / "iris.json").write_text(f'{{"release_id": "{pointer["release_id"]}"}}')
        status, _, body = peer.load("iris")
        if status != 200:
            raise PlatformError(body["error"])

    def deployer(self, seconds=20, image_of=lambda *_: None):
        api = InferenceServiceApi(self.client, self.namespace)
        services = V2Services(self.v2_peers.settings, "look at the pods")
        return KServeDeployer(api, services, seconds, image_of)

    def live(self, environment=STAGING):
        return self.objects.get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL, f"iris-{environment}"
        )


@pytest.fixture
def api_server():
    server = ApiServer()
    server.start()
    for environment in Environment:
        server.store.create(NAMESPACE, inference_service(environment), "kubectl")
    yield server
    server.stop()


@pytest.fixture
def cluster(api_server, v2_peers, tmp_path):
    client = api_client(api_server.kubeconfig(tmp_path))
    cluster = Cluster(client, api_client(api_server.kubeconfig(tmp_path, "controller")), v2_peers)
    cluster.controller.start()
    yield cluster
    cluster.controller.stop()


@pytest.fixture
def deployer(cluster):
    return cluster.deployer()


@pytest.fixture
def releases(blob_store, make_release):
    return [make_release(blob_store, "iris", seed).id for seed in (0, 1)]


@pytest.fixture
def put(blob_store):
    def put(deployer, release_id, environment=STAGING, version="1"):
        uri = blob_store.uri(release_path("iris", release_id))
        deployer.deploy("iris", environment, release_id, uri, version)

    return put


class TestKServeDeployer(EnvironmentDeployerContract):
    @pytest.fixture
    def deployer(self, cluster):
        return cluster.deployer()


@pytest.mark.skipif(not os.environ.get("KUBECONFIG"), reason="KUBECONFIG names no server")
class TestKServeDeployerOnARealServer(EnvironmentDeployerContract):
    @pytest.fixture
    def deployer(self, v2_peers):
        client = api_client(Path(os.environ["KUBECONFIG"]))
        namespace = f"mlplatform-test-{uuid.uuid4().hex[:8]}"
        CoreV1Api(client).create_namespace({"metadata": {"name": namespace}})
        cluster = Cluster(client, client, v2_peers, namespace)
        try:
            for environment in Environment:
                cluster.objects.create_namespaced_custom_object(
                    GROUP, VERSION, namespace, PLURAL, inference_service(environment, namespace)
                )
            cluster.controller.start()
            yield cluster.deployer()
        finally:
            cluster.controller.stop()
            CoreV1Api(client).delete_namespace(namespace)


def test_a_release_reaches_the_pods_and_fields_of_other_managers_stay(
    cluster, deployer, put, releases, blob_store
):
    put(deployer, releases[0], version="7")
    live = cluster.live()
    pointer = live["spec"]["predictor"]["annotations"][RELEASE]
    assert pointer == (
        f'{{"model_version":"7","release_id":"{releases[0]}",'
        f'"release_uri":"{blob_store.uri(release_path("iris", releases[0]))}","use_case":"iris"}}'
    )
    assert live["spec"]["predictor"]["annotations"]["mlplatform/image-tag"] == "1.4.0"
    assert live["metadata"]["labels"] == {"mlplatform/release-id": releases[0]}
    assert "image" not in live["spec"]["predictor"]["model"]


def test_a_release_is_pinned_to_the_image_in_its_lineage(cluster, put, releases):
    pinned = cluster.deployer(image_of=lambda _, release: {releases[0]: IMAGE}.get(release))
    put(pinned, releases[0])
    assert cluster.live()["spec"]["predictor"]["model"]["image"] == IMAGE
    put(pinned, releases[1])
    assert "image" not in cluster.live()["spec"]["predictor"]["model"]


def test_a_runtime_without_support_for_releases_gets_the_model_repository(
    api_server, cluster, deployer, put, releases, blob_store
):
    api_server.store.delete(NAMESPACE, "iris-staging")
    api_server.store.create(NAMESPACE, inference_service(STAGING, model_format="triton"), "kubectl")
    put(deployer, releases[0])
    model = cluster.live()["spec"]["predictor"]["model"]
    assert model["storageUri"] == blob_store.uri(release_path("iris", releases[0])) + "/model"


def test_a_revision_that_never_becomes_ready_is_replaced_by_the_previous_one(
    cluster, put, releases
):
    put(cluster.deployer(), releases[0])
    before = cluster.live()["spec"]
    cluster.controller.stuck.add("iris-staging")
    with pytest.raises(UpstreamUnavailable, match=r"not served within 1\.5 s: .*PredictorReady"):
        put(cluster.deployer(seconds=1.5), releases[1])
    assert cluster.live()["spec"] == before
    assert cluster.deployer().served("iris", STAGING) == releases[0]


def test_a_field_of_another_manager_is_a_conflict(api_server, cluster, deployer, put, releases):
    put(deployer, releases[0])

    def edit(live):
        live["spec"]["predictor"]["annotations"][RELEASE] += " "
        return live

    api_server.store.change(NAMESPACE, "iris-staging", edit, "kubectl-edit")
    with pytest.raises(Conflict, match=r"kubectl-edit.*spec\.predictor\.annotations"):
        put(deployer, releases[1])
    assert cluster.live()["spec"]["predictor"]["annotations"][RELEASE].endswith(" ")


def test_of_two_concurrent_promotions_the_later_one_stays(cluster, put, releases):
    put(cluster.deployer(), releases[0], PRODUCTION)
    done = threading.Event()

    def another(_):
        with contextlib.suppress(UpstreamUnavailable):
            put(cluster.deployer(seconds=0.3), releases[1], PRODUCTION, "9")
        done.set()

    other = threading.Thread(target=another, args=("",))
    cluster.controller.before_load = lambda _: other.start()
    cluster.controller.stuck.add("iris-production")
    first = cluster.deployer(seconds=20)
    with pytest.raises(Conflict, match="another deployment changed the release of"):
        put(first, releases[1], PRODUCTION, "2")
    other.join()
    assert done.is_set()


def test_a_status_update_is_not_a_conflict(api_server, cluster, deployer, put, releases):
    class Busy(InferenceServiceApi):
        """Changes the object between reading and applying, once."""

        busy = True

        def apply(self, configuration, deadline):
            if self.busy:
                self.busy = False
                name = configuration["metadata"]["name"]
                api_server.store.change(NAMESPACE, name, _noted, "kserve-controller")
            return super().apply(configuration, deadline)

    services = V2Services(cluster.v2_peers.settings, "")
    put(KServeDeployer(Busy(cluster.client, NAMESPACE), services, 20), releases[0])
    assert deployer.served("iris", STAGING) == releases[0]


def _noted(live):
    live.setdefault("status", {})["url"] = "http://iris-staging"
    return live


def test_a_missing_inference_service_is_not_found(api_server, deployer, put, releases):
    api_server.store.delete(NAMESPACE, "iris-staging")
    with pytest.raises(NotFound, match="apply model-serving/inference-service/deploy"):
        put(deployer, releases[0])
    with pytest.raises(NotFound):
        deployer.served("iris", STAGING)


def test_deleting_it_ends_the_deployment(api_server, cluster, deployer, put, releases):
    cluster.controller.before_load = lambda name: api_server.store.delete(NAMESPACE, name)
    with pytest.raises(NotFound, match="iris-staging"):
        put(deployer, releases[0])


@pytest.mark.parametrize("verb", ["get", "patch", "watch"])
def test_a_forbidden_request_names_the_role_that_allows_it(
    api_server, deployer, put, releases, verb
):
    api_server.forbidden.add(verb)
    with pytest.raises(ConfigurationError, match="release-deployer"):
        put(deployer, releases[0])


def test_an_unknown_token_is_refused(api_server, v2_peers, tmp_path, put, releases):
    client = api_client(api_server.kubeconfig(tmp_path, "nobody"))
    with pytest.raises(ConfigurationError, match="Unauthorized"):
        put(Cluster(client, client, v2_peers).deployer(), releases[0])


def test_an_expired_watch_is_restarted(api_server, cluster, deployer, put, releases):
    def expire(name):
        api_server.store.change(NAMESPACE, name, _noted, "kserve-controller")
        api_server.store.compact()

    cluster.controller.before_load = expire
    put(deployer, releases[0])
    assert deployer.served("iris", STAGING) == releases[0]


def test_requests_are_retried_while_the_api_server_restarts(
    api_server, cluster, deployer, put, releases
):
    cluster.controller.before_load = lambda _: api_server.restart()
    put(deployer, releases[0])
    assert deployer.served("iris", STAGING) == releases[0]


def test_requests_are_retried_while_the_api_server_is_overloaded(
    api_server, deployer, put, releases
):
    api_server.failing = 3
    put(deployer, releases[0])
    assert deployer.served("iris", STAGING) == releases[0]


def test_a_stopped_api_server_is_unavailable(api_server, cluster, put, releases):
    api_server.stop()
    with pytest.raises(UpstreamUnavailable, match=r"the Kubernetes API at .* does not answer"):
        put(cluster.deployer(seconds=0.3), releases[0])


def test_features_in_separate_pods_get_the_same_release(
    api_server, cluster, deployer, put, releases
):
    put(deployer, releases[0])

    def separate(live):
        live["spec"]["transformer"] = {"containers": [{"name": "kserve-container"}]}
        return live

    api_server.store.change(NAMESPACE, "iris-staging", separate, "kubectl")
    put(deployer, releases[1])
    assert releases[1] in cluster.live()["spec"]["transformer"]["annotations"][RELEASE]


def test_a_release_serves_only_when_no_pod_of_another_one_is_left(cluster, put, releases):
    put(cluster.deployer(), releases[0], PRODUCTION)
    cluster.controller.lingering.add("iris-production")
    with pytest.raises(UpstreamUnavailable, match="2 of 4 pods still have another release"):
        put(cluster.deployer(seconds=5), releases[1], PRODUCTION)
    cluster.controller.lingering.clear()
    deployer = cluster.deployer()
    put(deployer, releases[0], PRODUCTION)
    assert deployer.serves_only("iris", PRODUCTION, releases[0])


def test_a_ready_status_is_not_believed_while_new_pods_wait(cluster, put, releases):
    put(cluster.deployer(), releases[0], PRODUCTION)
    cluster.controller.stuck.add("iris-production")
    with pytest.raises(UpstreamUnavailable, match="3 Insufficient memory") as caught:
        put(cluster.deployer(seconds=5), releases[1], PRODUCTION)
    assert "Stopped" not in str(caught.value)
    cluster.controller.stuck.clear()
    put(cluster.deployer(), releases[1], PRODUCTION)


def test_a_refused_release_is_reported_although_the_status_stays_ready(
    cluster, deployer, put, releases, blob_store
):
    put(deployer, releases[0], PRODUCTION)
    blob_store.write(f"{release_path('iris', releases[1])}/{model_file('iris')}", b"damaged")
    with pytest.raises(ReleaseRefused, match=r"the pod iris-production-.* says: .*corrupt"):
        put(deployer, releases[1], PRODUCTION)


def test_a_quota_that_is_used_up_is_the_reason_of_the_time_out(api_server, cluster, put, releases):
    quota = {"metadata": {"name": "serving"}, "spec": {"hard": {"pods": 2}}}
    quota |= {"apiVersion": "v1", "kind": "ResourceQuota"}
    api_server.stores["resourcequotas"].create(NAMESPACE, quota, "kubectl")
    put(cluster.deployer(), releases[0], PRODUCTION)
    with pytest.raises(UpstreamUnavailable, match="exceeded quota: serving, requested: pods=1"):
        put(cluster.deployer(seconds=5), releases[1], PRODUCTION)


def test_the_refusal_of_a_webhook_is_reported_as_it_is(api_server, cluster, put, releases):
    put(cluster.deployer(), releases[0], PRODUCTION)
    live = api_server.store.objects[NAMESPACE, "iris-production"]
    live["metadata"]["annotations"][MODE] = "Knative"
    with pytest.raises(Refused, match="deploymentMode cannot be changed") as caught:
        put(cluster.deployer(), releases[1], PRODUCTION)
    assert "release-deployer" not in str(caught.value)


def test_a_withdrawn_service_is_stopped_and_can_be_deployed_again(cluster, deployer, put, releases):
    put(deployer, releases[0])
    deployer.withdraw("iris", STAGING)
    live = cluster.live()
    assert live["metadata"]["annotations"][STOP] == "true"
    assert RELEASE not in live["spec"]["predictor"]["annotations"]
    put(deployer, releases[0])
    assert STOP not in cluster.live()["metadata"]["annotations"]


def test_a_refused_first_release_is_removed(cluster, deployer, put):
    with pytest.raises(ReleaseRefused):
        put(deployer, "0" * 32)
    assert cluster.live()["metadata"]["annotations"][STOP] == "true"


def test_without_access_to_a_cluster_the_error_says_how_to_configure_it(tmp_path):
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        api_client(None)
    (tmp_path / "broken").write_text("{}")
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        api_client(tmp_path / "broken")
