"""Changes of serving states in a cluster: what they start, and what they leave alone."""

import time
from datetime import timedelta

import pytest
from kserve_cluster import NAMESPACE

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import Refused
from platform_core.testing.processes import wait_until
from releases.deployers.kserve.desired import service_name

PRODUCTION = Environment.PRODUCTION
APPLIED, FAILED = ChangeStatus.APPLIED, ChangeStatus.FAILED
POINTER_SECONDS = 2.0
"""The longest that a change may take that starts nothing."""


class ReadyTest:
    """A smoke test that asks the deployer."""

    def __init__(self, deployer):
        self.deployer = deployer

    def check(self, case, environment, release_id, role):
        if not self.deployer.is_ready(environment, case.name, release_id, role):
            raise Refused("smoke test: another release answered")


@pytest.fixture
def cluster_world(world, cluster):
    """Everything a change touches, on a cluster."""
    world.deployer = cluster.deployer()
    world.smoke = ReadyTest(world.deployer)
    return world


def names(api_server):
    """Return the names of the InferenceServices that are not being deleted, templates left out."""
    items = api_server.store.list(NAMESPACE)["items"]
    alive = (i["metadata"] for i in items if "deletionTimestamp" not in i["metadata"])
    return {m["name"] for m in alive if not m["name"].endswith("-template")}


def pods_of(api_server):
    return {pod["metadata"]["uid"] for pod in api_server.stores["pods"].list(NAMESPACE)["items"]}


def test_promotion_of_a_canary_and_rollback_change_no_pod(api_server, cluster_world):
    world = cluster_world
    old, new = world.release(0), world.release(1)
    assert world.promote(old).status is APPLIED
    assert world.apply(Action.CANARY, new, percent=10).status is APPLIED
    before = pods_of(api_server)
    assert names(api_server) == {service_name("iris", PRODUCTION, r) for r in (old, new)}
    for change, stable in ((world.promote, new), (world.rollback, old)):
        begin = time.monotonic()
        assert change().status is APPLIED
        assert time.monotonic() - begin < POINTER_SECONDS
        assert world.state().stable == stable
        assert world.deployer.is_stable(PRODUCTION, "iris", stable)
        assert pods_of(api_server) == before


def test_a_shadow_that_becomes_a_canary_keeps_its_pods_and_abort_ends_them(
    api_server, cluster_world
):
    world = cluster_world
    old, new = world.release(0), world.release(1)
    world.promote(old)
    assert world.apply(Action.SHADOW, new).status is APPLIED
    assert world.state().shadow.release_id == new
    before = pods_of(api_server)
    begin = time.monotonic()
    assert world.apply(Action.CANARY, new, percent=10).status is APPLIED
    assert time.monotonic() - begin < POINTER_SECONDS
    assert (world.state().shadow, world.state().canary.release_id) == (None, new)
    assert pods_of(api_server) == before
    assert world.apply(Action.ABORT).status is APPLIED
    world.clock.advance(timedelta(days=1))
    world.service.reconcile("iris", PRODUCTION)
    assert names(api_server) == {service_name("iris", PRODUCTION, old)}
    assert wait_until(lambda: len(pods_of(api_server)) == len(before) - 2, 10)
    assert world.deployer.is_stable(PRODUCTION, "iris", old)


def test_a_release_without_a_role_loses_its_pods_after_the_warm_time(api_server, cluster_world):
    world = cluster_world
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.promote(new)
    assert len(names(api_server)) == 2
    world.clock.advance(timedelta(days=1))
    world.service.reconcile("iris", PRODUCTION)
    assert names(api_server) == {service_name("iris", PRODUCTION, new)}
    assert wait_until(lambda: len(pods_of(api_server)) == 2, 10)


def test_a_canary_that_does_not_start_leaves_nothing(api_server, cluster, cluster_world):
    world = cluster_world
    old, new = world.release(0), world.release(1)
    world.promote(old)
    before = pods_of(api_server)
    name = service_name("iris", PRODUCTION, new)
    cluster.controller.stuck.add(name)
    world.deployer = cluster.deployer(seconds=4)
    change = world.apply(Action.CANARY, new, percent=10)
    assert (change.status, "3 Insufficient memory" in change.detail) == (FAILED, True)
    assert names(api_server) == {service_name("iris", PRODUCTION, old)}
    assert world.deployer.is_ready(PRODUCTION, "iris", old, ServingRole.STABLE)
    assert wait_until(lambda: pods_of(api_server) == before, 10)


def test_what_an_unreachable_api_server_leaves_is_removed_later(api_server, cluster, cluster_world):
    world = cluster_world
    old, new = world.release(0), world.release(1)
    world.promote(old)
    cluster.controller.before_load = lambda _: api_server.stop()
    world.deployer = cluster.deployer(seconds=0.5)
    change = world.apply(Action.CANARY, new, percent=10)
    assert (change.status, "the Kubernetes API at" in change.detail) == (FAILED, True)
    assert world.state().canary is None
    api_server.start()
    assert service_name("iris", PRODUCTION, new) in names(api_server)
    assert world.service.reconcile("iris", PRODUCTION).problems == []
    assert names(api_server) == {service_name("iris", PRODUCTION, old)}


def test_a_service_that_was_deleted_is_made_again(api_server, cluster, cluster_world):
    world = cluster_world
    release = world.release(0)
    world.promote(release)
    name = service_name("iris", PRODUCTION, release)
    api_server.store.delete(NAMESPACE, name)
    cluster.controller.forget(name)
    (said,) = world.service.reconcile("iris", PRODUCTION).changed
    assert said == f"production serves {release} of iris as stable again"
    assert names(api_server) == {name}


def test_a_new_build_reaches_the_pods_when_the_templates_are_applied(api_server, cluster_world):
    world = cluster_world
    release = world.release(0)
    world.promote(release)
    before = pods_of(api_server)

    def newer(live):
        live["spec"]["predictor"]["annotations"]["mlplatform/image-tag"] = "1.5.0"
        return live

    api_server.store.change(NAMESPACE, "iris-production-template", newer, "kubectl")
    (said,) = world.service.reconcile("iris", PRODUCTION).changed
    assert said.endswith(
        f"pods of {release} of iris in production are replaced: their template has changed"
    )
    assert wait_until(lambda: not pods_of(api_server) & before, 10)
    assert world.service.reconcile("iris", PRODUCTION).changed == []
