"""Changes of what an environment serves, with a failure at every step."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.contracts.release import DecisionRule, GateCheck
from platform_core.errors import (
    GateRefused,
    LedgerConflict,
    Refused,
    ReleaseNotFound,
    ReleaseRefused,
    UnknownUseCase,
    UpstreamUnavailable,
)
from platform_core.storage import baseline_path, release_path
from scoring import build_release, load_lineage, store_release
from scoring.release import model_file
from use_cases import use_case

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
IRIS, SPAM = use_case("iris"), use_case("spam")
DATASET = "0" * 16
AUDIT = {"actor": "tester", "reason": "because"}


def test_a_release_goes_to_staging_and_from_there_to_production(world):
    release = world.release()
    outcome = world.service.deploy_to_staging("iris", release, **AUDIT)
    assert (outcome.changed, outcome.release_id, outcome.from_release) == (True, release, None)
    assert world.served(STAGING) == release
    assert world.served(PRODUCTION) is None
    assert world.service.promote("iris", **AUDIT).release_id == release
    assert world.served(PRODUCTION) == release
    change = world.last()
    assert (change.action, change.status) == (Action.PROMOTE, ChangeStatus.APPLIED)
    assert (change.from_release, change.to_release) == (None, release)
    assert (change.actor, change.reason) == ("tester", "because")


def test_promoting_the_served_release_changes_nothing(world):
    release = world.release()
    world.service.promote("iris", release[:10], **AUDIT)
    outcome = world.service.promote("iris", release, **AUDIT)
    assert (outcome.changed, outcome.detail) == (False, "")
    assert world.count() == 1


def test_an_empty_staging_has_nothing_to_promote(world):
    with pytest.raises(Refused, match="nothing to promote"):
        world.service.promote("iris", **AUDIT)
    with pytest.raises(ReleaseNotFound):
        world.service.promote("iris", "abc", **AUDIT)
    with pytest.raises(UnknownUseCase):
        world.service.promote("roses", **AUDIT)
    assert world.count() == 0


def test_each_rollback_goes_one_release_back(world):
    releases = [world.release(seed) for seed in range(3)]
    for release in releases:
        world.service.promote("iris", release, **AUDIT)
    for expected in (releases[1], releases[0]):
        outcome = world.service.rollback("iris", PRODUCTION, **AUDIT)
        assert outcome.release_id == expected == world.served()
        assert world.last().action is Action.ROLLBACK
    with pytest.raises(Refused, match="nothing to roll back to"):
        world.service.rollback("iris", PRODUCTION, **AUDIT)
    with pytest.raises(Refused, match="nothing to roll back to"):
        world.service.rollback("iris", STAGING, **AUDIT)
    assert world.served() == releases[0]


def good_and_worse_release(world):
    """A good spam release, and one with passed gates that predicts ham for nearly every mail."""
    good = world.make_release(world.store, "spam")
    rule = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.999)
    worse = build_release(SPAM, good.model, b"", None, rule)
    lineage = load_lineage(world.store, "spam", good.id)
    lineage = lineage.model_copy(update={"release_id": worse.id})
    store_release(world.store, release_path("spam", worse.id), worse, lineage)
    world.store.write(baseline_path("spam", worse.id), b"")
    return world.register(good), world.register(worse)


def test_promotion_compares_with_what_production_serves_now(world):
    good, worse = good_and_worse_release(world)
    world.service.promote("spam", good, **AUDIT)
    with pytest.raises(GateRefused, match="champion 0"):
        world.service.promote("spam", worse, **AUDIT)
    assert world.served(case="spam") == good
    refused = world.last(case="spam")
    assert (refused.status, refused.to_release) == (ChangeStatus.REFUSED, worse)
    assert "margin" in refused.detail


def test_a_better_release_replaces_a_worse_one(world):
    good, worse = good_and_worse_release(world)
    world.service.promote("spam", worse, **AUDIT)
    world.service.promote("spam", good, **AUDIT)
    assert world.served(case="spam") == good


def test_a_rollback_is_not_compared_with_the_present_release(world):
    good, worse = good_and_worse_release(world)
    world.service.promote("spam", worse, **AUDIT)
    world.service.promote("spam", good, **AUDIT)
    world.service.rollback("spam", PRODUCTION, **AUDIT)
    assert world.served(case="spam") == worse


def corrupt(world, release):
    world.store.write(f"{release_path('iris', release)}/{model_file('iris')}", b"damaged")


def drop_baseline(world, release):
    world.store.delete(baseline_path("iris", release))


def fail_gate(world, release):
    lineage = load_lineage(world.store, "iris", release)
    check = GateCheck(name="minimum", passed=False, detail="too low")
    altered = lineage.model_copy(update={"gates": (check,)}).model_dump_json().encode()
    world.store.write(f"{release_path('iris', release)}/lineage.json", altered)


def drop_dataset(world, release):
    world.store.delete(f"training-data/iris/{DATASET}/features.parquet")


def refuse_smoke(world, release):
    def wrong():
        raise Refused("smoke test: wrong answer")

    world.smoke.before_check = wrong


def slow_server(world, release):
    world.deployer.slow = (release,)


def interrupt(world, release):
    def stop():
        raise KeyboardInterrupt

    world.smoke.before_check = stop


FAILURES = {
    "corrupt": (corrupt, ReleaseRefused, ChangeStatus.REFUSED),
    "no baseline": (drop_baseline, ReleaseRefused, ChangeStatus.REFUSED),
    "gate not passed": (fail_gate, GateRefused, ChangeStatus.REFUSED),
    "no rows to compare on": (drop_dataset, GateRefused, ChangeStatus.REFUSED),
    "smoke": (refuse_smoke, Refused, ChangeStatus.REFUSED),
    "server too slow": (slow_server, UpstreamUnavailable, ChangeStatus.FAILED),
    "interrupted": (interrupt, KeyboardInterrupt, ChangeStatus.FAILED),
}


@pytest.mark.parametrize(("breaks", "error", "verdict"), FAILURES.values(), ids=FAILURES)
def test_after_any_failure_the_old_release_keeps_serving(breaks, error, verdict, world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    breaks(world, new)
    with pytest.raises(error) as caught:
        world.service.promote("iris", new, **AUDIT)
    assert world.served() == old
    change = world.last()
    assert (change.status, change.from_release, change.to_release) == (verdict, old, new)
    assert change.detail == (str(caught.value) or "KeyboardInterrupt")


@pytest.mark.parametrize("breaks", [refuse_smoke, slow_server])
def test_a_first_release_that_fails_leaves_nothing_served(breaks, world):
    release = world.release()
    breaks(world, release)
    with pytest.raises((Refused, UpstreamUnavailable)):
        world.service.promote("iris", release, **AUDIT)
    assert world.served() is None
    assert world.ledger.active("iris", PRODUCTION) is None


def test_a_release_that_was_never_registered_is_registered(world):
    release = world.make_release(world.store).id
    world.service.promote("iris", release, **AUDIT)
    assert world.served() == release
    assert world.registry.find("iris", release).tags["candidate"] == "first"


@pytest.mark.parametrize("lost", ["old", "new", "both"])
def test_the_old_release_serves_again_although_its_version_was_deleted(lost, world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    for name, release in (("old", old), ("new", new)):
        if lost in (name, "both"):
            world.registry.forget("iris", release)
    refuse_smoke(world, new)
    with pytest.raises(Refused, match="smoke"):
        world.service.promote("iris", new, **AUDIT)
    assert world.served() == old


def test_a_rollback_needs_no_version_of_the_release(world):
    old, new = world.release(0), world.release(1)
    for release in (old, new):
        world.service.promote("iris", release, **AUDIT)
    world.registry.forget("iris", old)
    world.service.rollback("iris", PRODUCTION, **AUDIT)
    assert world.served() == old


def test_changes_do_not_need_the_registry(world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    world.registry.down = True
    outcome = world.service.promote("iris", new, **AUDIT)
    assert (outcome.changed, world.deployer.served("iris", PRODUCTION)) == (True, new)
    assert "release repair" in outcome.detail
    world.service.rollback("iris", PRODUCTION, **AUDIT)
    assert world.deployer.served("iris", PRODUCTION) == old
    refuse_smoke(world, new)
    with pytest.raises(Refused, match="smoke"):
        world.service.promote("iris", new, **AUDIT)
    assert world.deployer.served("iris", PRODUCTION) == old
    assert world.service.repair("iris").problems == ("the registry does not answer",)
    world.registry.down = False
    world.service.repair("iris")
    assert world.served() == old


def test_a_repair_rebuilds_the_registry_and_the_servers(world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    world.registry.forget("iris", old)
    world.registry.forget("iris", new)
    world.deployer.deploy("iris", PRODUCTION, new, "", "")
    report = world.service.repair("iris")
    assert report.problems == ()
    assert report.changed[0] == f"production serves {old} of iris again"
    assert {v.release_id for v in world.registry.versions("iris")} == {old, new}
    assert world.served() == old
    assert world.service.repair("iris").changed == ()


def test_a_rollback_without_an_earlier_release_repairs(world):
    old, new = world.release(0), world.release(1)
    world.deployer.deploy("iris", PRODUCTION, new, "", "")
    with pytest.raises(Refused, match="nothing to roll back to; the server had diverged"):
        world.service.rollback("iris", PRODUCTION, **AUDIT)
    assert world.served() is None
    world.service.promote("iris", old, **AUDIT)
    world.deployer.deploy("iris", PRODUCTION, new, "", "")
    outcome = world.service.rollback("iris", PRODUCTION, **AUDIT)
    assert (outcome.changed, outcome.release_id) == (False, old)
    assert "repaired" in outcome.detail
    assert world.served() == old


def test_a_failed_restore_is_reported_and_repaired_by_the_next_change(world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    refuse_smoke(world, new)
    world.deployer.slow = (old,)
    with pytest.raises(Refused) as caught:
        world.service.promote("iris", new, **AUDIT)
    assert caught.value.__notes__ == [
        "it did not answer in time; the next change of production or "
        "`mlplatform release repair` repairs this"
    ]
    assert world.deployer.served("iris", PRODUCTION) == new
    world.deployer.slow = ()
    outcome = world.service.promote("iris", old, **AUDIT)
    assert (outcome.changed, bool(outcome.detail)) == (False, True)
    assert world.served() == old


def die_after_alias(world, release):
    version = world.registry.find("iris", release).version
    world.registry.set_alias("iris", "production", version)


def die_after_deploy(world, release):
    die_after_alias(world, release)
    world.deployer.deploy("iris", PRODUCTION, release, "", "1")


@pytest.mark.parametrize("death", [die_after_alias, die_after_deploy])
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_change_that_died_before_the_ledger_can_be_repeated(first, death, world):
    old, new = world.release(0), world.release(1)
    if not first:
        world.service.promote("iris", old, **AUDIT)
    death(world, new)
    assert world.service.promote("iris", new, **AUDIT).changed
    assert world.served() == new


@pytest.mark.parametrize("death", [die_after_alias, die_after_deploy])
def test_a_change_that_died_before_the_ledger_is_undone_by_a_change_without_effect(death, world):
    old, new = world.release(0), world.release(1)
    world.service.promote("iris", old, **AUDIT)
    death(world, new)
    outcome = world.service.promote("iris", old, **AUDIT)
    assert not outcome.changed
    assert outcome.detail
    assert world.served() == old
    assert world.count() == 1


@pytest.mark.parametrize("death", [die_after_alias, die_after_deploy])
def test_a_change_that_died_before_the_ledger_is_undone_by_a_refused_change(death, world):
    old, new, bad = (world.release(seed) for seed in range(3))
    world.service.promote("iris", old, **AUDIT)
    death(world, new)
    corrupt(world, bad)
    with pytest.raises(ReleaseRefused):
        world.service.promote("iris", bad, **AUDIT)
    assert world.served() == old


def test_of_two_promotions_at_once_one_is_reverted(world):
    old, first, second = (world.release(seed) for seed in range(3))
    world.service.promote("iris", old, **AUDIT)
    world.smoke.before_check = lambda: (
        world.service.promote("iris", first, **AUDIT),
        world.deployer.deploy("iris", PRODUCTION, second, "", "3"),
    )
    with pytest.raises(LedgerConflict, match="another process"):
        world.service.promote("iris", second, **AUDIT)
    assert world.served() == first
    assert [e.change.status for e in world.ledger.entries("iris", PRODUCTION)] == [
        ChangeStatus.APPLIED,
        ChangeStatus.APPLIED,
        ChangeStatus.FAILED,
    ]


def test_after_concurrent_promotions_the_server_matches_the_ledger(world):
    releases = [world.release(seed) for seed in range(3)]
    together = Barrier(len(releases))

    def promote(release):
        together.wait()
        try:
            world.service.promote("iris", release, **AUDIT)
        except (Refused, LedgerConflict) as error:
            return error
        return None

    with ThreadPoolExecutor(len(releases)) as pool:
        errors = list(pool.map(promote, releases))
    served = [e.change for e in world.ledger.entries("iris", PRODUCTION)]
    served = [change for change in served if change.status is ChangeStatus.APPLIED]
    assert len(served) == errors.count(None)
    assert world.served() == (served[-1].to_release if served else None)
