"""Canaries in production, in the ledger and in the deployer."""

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Verdict
from platform_core.errors import Refused
from releases.changes import CanaryService
from releases.deployers.embedded import EmbeddedDeployer

PRODUCTION = Environment.PRODUCTION


@pytest.fixture
def canaries(world):
    return CanaryService(world.store, world.registry, world.deployer, world.ledger)


@pytest.fixture
def two(world):
    """Two releases: production serves the first, staging the second."""
    first, second = world.release(0), world.release(1)
    for release in (first, second):
        world.service.deploy_to_staging("iris", release, "me", "test")
        if release == first:
            world.service.promote("iris", actor="me", reason="test")
    return first, second


def test_a_canary_gets_its_share_and_the_stable_release_stays(world, canaries, two):
    first, second = two
    assert canaries.start("iris", None, 10, "me", "look at it") == second
    assert world.deployer.canaries["iris", PRODUCTION] == (second, 10)
    assert world.ledger.canary("iris", PRODUCTION) == second
    assert world.served() == first
    change = world.last()
    assert (change.action, change.verdict) == (Action.CANARY, Verdict.SHARED)
    assert change.reason == "10 %: look at it"
    canaries.end("iris", "me", "enough")
    assert world.deployer.canaries == {}
    assert world.ledger.canary("iris", PRODUCTION) is None
    assert world.served() == first


def test_promoting_the_canary_ends_it_and_a_rollback_reverts_it(world, canaries, two):
    first, second = two
    canaries.start("iris", None, 10, "me", "test")
    world.service.promote("iris", second, actor="me", reason="test")
    assert world.deployer.canaries == {}
    assert world.ledger.canary("iris", PRODUCTION) is None
    assert world.served() == second
    world.service.rollback("iris", PRODUCTION, "me", "test")
    assert world.served() == first


def test_ending_without_a_canary_records_nothing(world, canaries, two):
    before = world.count()
    canaries.end("iris", "me", "test")
    assert world.count() == before


def test_a_release_that_cannot_be_promoted_cannot_be_a_canary(world, canaries, two):
    path = f"models/iris/{two[1]}/model/iris/1/model.onnx"
    world.store.write(path, b"?")
    with pytest.raises(Refused):
        canaries.start("iris", two[1], 10, "me", "test")
    assert world.deployer.canaries == {}
    assert world.last().verdict is Verdict.REFUSED


def test_a_canary_needs_a_different_stable_release(world, canaries, two):
    with pytest.raises(Refused, match="already"):
        canaries.start("iris", two[0], 10, "me", "test")
    with pytest.raises(Refused, match="production serves no release of spam"):
        canaries.start("spam", None, 10, "me", "test")


def test_the_embedded_deployer_has_no_canaries(world, v2_peers):
    embedded = EmbeddedDeployer(v2_peers.repository, v2_peers.settings)
    with pytest.raises(Refused, match="DEPLOYER_URL=kserve"):
        CanaryService(world.store, world.registry, embedded, world.ledger).start(
            "iris", None, 10, "", ""
        )
