"""Failures between the KServe deployer, the API server and KServe."""

import threading

import pytest
from kserve_cluster import NAMESPACE, Cluster
from kubernetes_api.server import ApiServer

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import (
    ConfigurationError,
    Refused,
    ReleaseRefused,
    UpstreamUnavailable,
)
from platform_core.storage import release_path
from releases.deployers import DeployableRelease
from releases.deployers.kserve.connect import api_client
from releases.deployers.kserve.desired import MODE, STOP, service_name
from scoring.release import model_file

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
STABLE, CANARY = ServingRole.STABLE, ServingRole.CANARY


@pytest.fixture
def releases(blob_store, make_release):
    """Two stored releases."""
    ids = [make_release(blob_store, "iris", seed).id for seed in range(2)]
    return [deployable(blob_store, release_id) for release_id in ids]


def deployable(store, release_id):
    return DeployableRelease("iris", release_id, store.uri(release_path("iris", release_id)))


@pytest.fixture
def deployer(cluster):
    return cluster.deployer()


def name_of(release, environment=PRODUCTION):
    return service_name("iris", environment, release.release_id)


def is_ready(deployer, release, environment=PRODUCTION, role=STABLE):
    return deployer.is_ready(environment, "iris", release.release_id, role)


def noted(live):
    live.setdefault("status", {})["note"] = "changed"
    return live


@pytest.mark.parametrize(
    "request_",
    [
        "get inferenceservices",
        "patch inferenceservices",
        "create inferenceservices",
        "watch inferenceservices",
        "patch services",
        "list deployments",
        "list pods",
    ],
)
def test_a_forbidden_request_names_the_role_that_allows_it(
    api_server, deployer, releases, request_
):
    api_server.forbidden.add(request_)
    with pytest.raises(ConfigurationError, match="release-deployer"):
        deployer.ensure(PRODUCTION, releases[0], STABLE)


@pytest.mark.parametrize("request_", ["list inferenceservices", "delete inferenceservices"])
def test_a_forbidden_removal_names_the_role_that_allows_it(
    api_server, deployer, releases, request_
):
    deployer.ensure(STAGING, releases[0], STABLE)
    api_server.forbidden.add(request_)
    with pytest.raises(ConfigurationError, match="release-deployer"):
        deployer.prune(STAGING, "iris", ())


def test_an_unknown_token_is_refused(api_server, pods, tmp_path, releases):
    client = api_client(api_server.kubeconfig(tmp_path, "nobody"))
    with pytest.raises(ConfigurationError, match="Unauthorized"):
        Cluster(client, client, *pods).deployer().ensure(PRODUCTION, releases[0], STABLE)


def test_an_expired_watch_is_restarted(api_server, cluster, deployer, releases):
    def expire(name):
        api_server.store.change(NAMESPACE, name, noted, "kserve-controller")
        api_server.store.compact()

    cluster.controller.before_load = expire
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_requests_are_retried_while_the_api_server_restarts(
    api_server, cluster, deployer, releases
):
    cluster.controller.before_load = lambda _: api_server.restart()
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_requests_are_retried_while_the_api_server_is_overloaded(api_server, deployer, releases):
    api_server.failing = 3
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_a_stopped_api_server_is_unavailable(api_server, cluster, releases):
    deployer = cluster.deployer(seconds=0.3)
    api_server.stop()
    for call in (
        lambda: deployer.ensure(PRODUCTION, releases[0], STABLE),
        lambda: deployer.prune(PRODUCTION, "iris", ()),
        lambda: deployer.set_stable(PRODUCTION, "iris", releases[0]),
    ):
        with pytest.raises(UpstreamUnavailable, match=r"the Kubernetes API at .* does not answer"):
            call()


def test_a_release_that_answers_is_ready_while_the_api_server_is_stopped(
    api_server, cluster, releases
):
    """A rollback moves a pointer: it does not need the Kubernetes API."""
    deployer = cluster.deployer(seconds=4)
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    api_server.stop()
    quick = cluster.deployer(seconds=0.3)
    assert is_ready(quick, releases[0])
    assert not is_ready(quick, releases[1])


def test_an_api_server_that_stops_in_the_middle_leaves_what_serves(
    api_server, cluster, deployer, releases
):
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    cluster.controller.before_load = lambda _: api_server.stop()
    with pytest.raises(UpstreamUnavailable, match="the Kubernetes API"):
        cluster.deployer(seconds=0.5).ensure(PRODUCTION, releases[1], CANARY)
    api_server.start()
    assert is_ready(deployer, releases[0])
    deployer.ensure(PRODUCTION, releases[1], CANARY)
    assert is_ready(deployer, releases[1], role=CANARY)


def test_a_service_that_is_deleted_meanwhile_is_made_again(api_server, cluster, deployer, releases):
    def delete(name):
        api_server.store.delete(NAMESPACE, name)
        cluster.controller.forget(name)

    cluster.controller.before_load = delete
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_a_service_that_is_being_deleted_is_made_again_when_it_has_ended(
    cluster, deployer, releases
):
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    name = name_of(releases[0])
    first = cluster.live(name)["metadata"]["uid"]
    cluster.controller.held.add(name)
    assert deployer.prune(PRODUCTION, "iris", ()) == [releases[0].release_id]
    assert not is_ready(deployer, releases[0])
    assert deployer.prune(PRODUCTION, "iris", ()) == []
    with pytest.raises(UpstreamUnavailable, match="it is being deleted; look at its finalizers"):
        cluster.deployer(seconds=0.5).ensure(PRODUCTION, releases[0], STABLE)
    threading.Timer(0.2, cluster.controller.held.clear).start()
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert cluster.live(name)["metadata"]["uid"] != first


def test_a_service_that_was_stopped_or_edited_by_hand_is_set_back(
    api_server, cluster, deployer, releases
):
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    name = name_of(releases[0])
    before = cluster.live(name)["spec"]

    def edit(live):
        live["metadata"]["annotations"][STOP] = "true"
        live["spec"]["predictor"]["model"]["runtime"] = "another"
        return live

    api_server.store.change(NAMESPACE, name, edit, "kubectl-edit")
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert cluster.live(name)["spec"] == before
    assert is_ready(deployer, releases[0])


def test_an_address_that_was_deleted_is_made_again(api_server, deployer, releases):
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    api_server.stores["services"].delete(NAMESPACE, name_of(releases[0]))
    assert not is_ready(deployer, releases[0])
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


@pytest.mark.parametrize(
    ("environment", "reason"), [(STAGING, "PredictorReady"), (PRODUCTION, "3 Insufficient memory")]
)
def test_pods_that_never_become_ready_are_named_when_the_time_is_over(
    cluster, releases, environment, reason
):
    cluster.controller.stuck.add(name_of(releases[0], environment))
    with pytest.raises(UpstreamUnavailable, match=rf"not served within 4 s: .*{reason}") as caught:
        cluster.deployer(seconds=4).ensure(environment, releases[0], CANARY)
    assert "Stopped" not in str(caught.value)
    assert not is_ready(cluster.deployer(), releases[0], environment)


def test_a_changed_template_whose_pods_never_become_ready_is_an_error(
    api_server, cluster, deployer, releases
):
    deployer.ensure(PRODUCTION, releases[0], STABLE)

    def newer(live):
        live["spec"]["predictor"]["annotations"]["mlplatform/image-tag"] = "1.5.0"
        return live

    api_server.store.change(NAMESPACE, "iris-production-template", newer, "kubectl")
    cluster.controller.stuck.add(name_of(releases[0]))
    with pytest.raises(UpstreamUnavailable, match="3 Insufficient memory"):
        cluster.deployer(seconds=4).ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_a_refused_release_is_reported_and_removed(cluster, deployer, releases, blob_store):
    path = f"{release_path('iris', releases[0].release_id)}/{model_file('iris')}"
    intact = blob_store.read(path)
    blob_store.write(path, b"damaged")
    with pytest.raises(ReleaseRefused, match=r"the pod iris-production-.* says: .*corrupt"):
        deployer.ensure(PRODUCTION, releases[0], CANARY)
    blob_store.write(path, intact)
    deployer.ensure(PRODUCTION, releases[0], CANARY)
    assert is_ready(deployer, releases[0], role=CANARY)


def test_a_quota_of_pods_is_the_reason_of_the_time_out(api_server, cluster, releases):
    quota = {"metadata": {"name": "serving"}, "spec": {"hard": {"pods": 2}}}
    quota |= {"apiVersion": "v1", "kind": "ResourceQuota"}
    api_server.stores["resourcequotas"].create(NAMESPACE, quota, "kubectl")
    cluster.deployer().ensure(PRODUCTION, releases[0], STABLE)
    with pytest.raises(UpstreamUnavailable, match="exceeded quota: serving, requested: pods=1"):
        cluster.deployer(seconds=4).ensure(PRODUCTION, releases[1], CANARY)
    assert is_ready(cluster.deployer(), releases[0])


def test_the_refusal_of_a_webhook_is_reported_as_it_is(api_server, deployer, releases):
    def without_model(live):
        del live["spec"]["predictor"]["model"]
        return live

    template = api_server.store.objects[NAMESPACE, "iris-production-template"]
    without_model(template)  # the webhook would refuse this as well
    with pytest.raises(Refused, match="Exactly one of") as caught:
        deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert "release-deployer" not in str(caught.value)


def test_a_changed_mode_is_refused_by_the_webhook_and_the_release_serves(
    api_server, deployer, releases
):
    deployer.ensure(PRODUCTION, releases[0], STABLE)
    template = api_server.store.objects[NAMESPACE, "iris-production-template"]
    template["metadata"]["annotations"][MODE] = "Knative"
    with pytest.raises(Refused, match="deploymentMode cannot be changed"):
        deployer.ensure(PRODUCTION, releases[0], STABLE)
    assert is_ready(deployer, releases[0])


def test_a_server_whose_role_is_empty_allows_nothing(pods, tmp_path, releases):
    server = ApiServer()
    server.start()
    try:
        client = api_client(server.kubeconfig(tmp_path))
        with pytest.raises(ConfigurationError, match="cannot get resource"):
            Cluster(client, client, *pods).deployer().ensure(PRODUCTION, releases[0], STABLE)
    finally:
        server.stop()
