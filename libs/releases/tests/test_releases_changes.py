"""Changes of what an environment serves, with a failure at every step."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.release import DecisionRule, GateCheck
from platform_core.contracts.serving_state import Canary, GatewayState, ServingRole, ServingState
from platform_core.errors import Refused
from platform_core.storage import baseline_path, gateway_path, release_path
from scoring import build_release, load_lineage, store_release
from scoring.release import model_file
from scoring.testing import DATASET
from use_cases import use_case

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
APPLIED, WAS_REFUSED, FAILED = ChangeStatus.APPLIED, ChangeStatus.REFUSED, ChangeStatus.FAILED
STABLE, CANARY, SHADOW = ServingRole.STABLE, ServingRole.CANARY, ServingRole.SHADOW
SPAM = use_case("spam")


def test_a_release_goes_to_staging_and_from_there_to_production(world):
    release = world.release()
    assert world.apply(Action.DEPLOY, release[:10], STAGING).status is APPLIED
    assert world.served(STAGING) == release
    assert world.served(PRODUCTION) is None
    change = world.promote()
    assert world.served(PRODUCTION) == release
    assert change == world.last()
    assert (change.action, change.status, change.detail) == (Action.PROMOTE, APPLIED, "")
    assert (change.from_release, change.to_release) == (None, release)
    assert (change.actor, change.reason) == ("tester", "because")


def test_promoting_the_served_release_changes_nothing(world):
    release = world.release()
    world.promote(release)
    change = world.promote(release)
    assert (change.status, change.detail) == (APPLIED, "nothing to do")
    assert change.from_state == change.to_state
    assert world.count() == 1


def test_a_request_that_names_no_release_or_use_case_is_refused(world):
    assert "nothing to promote" in world.promote().detail
    change = world.promote("abc")
    assert (change.status, change.to_state) == (WAS_REFUSED, ServingState())
    assert "there is no release abc" in change.detail
    assert world.count() == 2
    unknown = world.promote("abc", case="roses")
    assert (unknown.status, "roses" in unknown.detail) == (WAS_REFUSED, True)


@pytest.mark.parametrize("environment", [STAGING, PRODUCTION])
@pytest.mark.parametrize("action", [Action.DEPLOY, Action.CANARY, Action.SHADOW])
def test_a_release_with_the_digits_of_one_that_serves_is_refused(world, action, environment):
    release = world.release()
    alike = f"{release[:8]}{'0' * 24}"
    name = {"use_case": "iris", "environment": environment}
    stable = ServingState(stable=alike)
    world.ledger.append(
        Change(
            change_id="c",
            **name,
            action=Action.DEPLOY,
            actor="test",
            reason="",
            status=APPLIED,
            from_state=ServingState(),
            to_state=stable,
        )
    )
    percent = None if action is Action.DEPLOY else 10
    change = world.apply(action, release, environment, percent=percent)
    assert change.status is WAS_REFUSED
    assert f"would be called iris-{release[:8]}" in change.detail
    assert (world.state(environment), world.running(environment)) == (stable, set())


def test_a_change_is_applied_once(world):
    first, second = world.release(0), world.release(1)
    request = world.request(Action.PROMOTE, first)
    assert world.service.apply(request).status is APPLIED
    world.promote(second)
    assert world.service.apply(request).to_release == first
    assert world.served() == second
    assert world.count() == 2


def test_each_rollback_goes_one_release_back(world):
    releases = [world.release(seed) for seed in range(3)]
    for release in releases:
        world.promote(release)
    for expected in (releases[1], releases[0]):
        assert world.rollback().to_release == expected == world.served()
        assert world.last().action is Action.ROLLBACK
    for environment in Environment:
        change = world.rollback(environment=environment)
        assert (change.status, "nothing to roll back to" in change.detail) == (WAS_REFUSED, True)
    assert world.served() == releases[0]


def test_a_rollback_returns_to_the_release_that_is_named(world):
    releases = [world.release(seed) for seed in range(3)]
    for release in releases:
        world.promote(release)
    assert world.apply(Action.ROLLBACK, releases[0]).to_release == releases[0] == world.served()
    for release in (releases[2], releases[0]):
        refused = world.apply(Action.ROLLBACK, release)
        assert (refused.status, "promote it instead" in refused.detail) == (WAS_REFUSED, True)
    assert world.served() == releases[0]


def test_a_canary_begins_grows_and_becomes_stable(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    begun = world.apply(Action.CANARY, new, percent=10)
    assert world.state().canary == Canary(release_id=new, percent=10, change_id=begun.change_id)
    assert world.running() == {(old, STABLE), (new, CANARY)}
    world.apply(Action.CANARY, percent=50)
    assert world.state().canary.percent == 50
    assert world.state().canary.change_id == begun.change_id
    assert world.served() == old
    assert world.promote().to_state == ServingState(stable=new)
    assert world.served() == new
    assert world.running() == {(old, STABLE), (new, STABLE)}  # the old one is warm


def test_a_shadow_serves_no_caller_and_ends_by_abort(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.apply(Action.SHADOW, new)
    assert world.running() == {(old, STABLE), (new, SHADOW)}
    assert "only a shadow" in world.promote(new).detail
    assert world.apply(Action.ABORT).status is APPLIED
    assert world.running() == {(old, STABLE)}
    assert world.apply(Action.ABORT).detail == "nothing to do"


def test_a_rollback_to_a_warm_release_starts_nothing(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.promote(new)
    world.deployer.slow = (old, new)
    world.clock.advance(timedelta(minutes=29))
    world.service.reconcile("iris", PRODUCTION)
    assert world.rollback().status is APPLIED
    assert world.served() == old
    world.clock.advance(timedelta(minutes=31))
    world.service.reconcile("iris", PRODUCTION)
    assert world.running() == {(old, STABLE)}


def write_gateway(world, sequence, gateway="one", age=timedelta(0)):
    state = GatewayState(
        gateway_id=gateway,
        time=world.clock.now() - age,
        entries={"iris/production": sequence},
    )
    world.store.write(gateway_path(gateway), state.model_dump_json().encode())


def test_a_service_stays_until_every_gateway_has_read_that_it_ended(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.apply(Action.CANARY, new, percent=10)
    write_gateway(world, 2, "first")
    write_gateway(world, 3, "second")
    write_gateway(world, 1, "dead", age=timedelta(minutes=3))
    world.store.write(gateway_path("unreadable"), b"{}")
    world.apply(Action.ABORT)
    assert (new, CANARY) in world.running()
    write_gateway(world, 3, "first")
    world.service.reconcile("iris", PRODUCTION)
    assert world.running() == {(old, STABLE)}


def test_a_state_that_is_not_the_expected_one(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    change = world.promote(new, expected_state=ServingState(stable=new))
    assert change.status is WAS_REFUSED
    assert f"stable is {old}, expected {new}" in change.detail
    assert world.promote(new, expected_state=ServingState(stable=old)).status is APPLIED


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


@pytest.mark.parametrize(("action", "percent"), [(Action.PROMOTE, None), (Action.CANARY, 10)])
def test_a_release_that_answers_is_compared_with_the_stable_one(world, action, percent):
    good, worse = good_and_worse_release(world)
    world.promote(good, case="spam")
    refused = world.apply(action, worse, case="spam", percent=percent)
    assert world.served(case="spam") == good
    assert (refused.status, "champion 0" in refused.detail) == (WAS_REFUSED, True)
    assert "margin" in world.last(case="spam").detail
    assert world.running(case="spam") == {(good, STABLE)}


def test_a_shadow_and_a_rollback_are_not_compared_with_the_stable_release(world):
    good, worse = good_and_worse_release(world)
    world.promote(worse, case="spam")
    world.promote(good, case="spam")
    assert world.apply(Action.SHADOW, worse, case="spam").status is APPLIED
    world.rollback(case="spam")
    assert world.served(case="spam") == worse
    assert world.state(case="spam") == ServingState(stable=worse)


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


FAILURES = {
    "corrupt": (corrupt, WAS_REFUSED, "corrupt"),
    "no baseline": (drop_baseline, WAS_REFUSED, "baseline"),
    "gate not passed": (fail_gate, WAS_REFUSED, "too low"),
    "no rows to compare on": (drop_dataset, WAS_REFUSED, "cannot be compared"),
    "smoke": (refuse_smoke, WAS_REFUSED, "smoke test: wrong answer"),
    "server too slow": (slow_server, FAILED, "it did not answer in time"),
}


@pytest.mark.parametrize(("action", "percent"), [(Action.PROMOTE, None), (Action.CANARY, 10)])
@pytest.mark.parametrize(("breaks", "status", "reason"), FAILURES.values(), ids=FAILURES)
def test_after_any_failure_the_old_state_serves(breaks, status, reason, action, percent, world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    breaks(world, new)
    change = world.apply(action, new, percent=percent)
    assert change == world.last()
    assert (change.status, reason in change.detail) == (status, True)
    assert change.from_state == ServingState(stable=old)
    assert change.to_state != change.from_state
    assert world.served() == old
    assert world.running() == {(old, STABLE)}


@pytest.mark.parametrize("breaks", [refuse_smoke, slow_server])
def test_a_first_release_that_fails_leaves_nothing_served(breaks, world):
    release = world.release()
    breaks(world, release)
    assert world.promote(release).status is not APPLIED
    assert world.served() is None
    assert world.running() == frozenset()


def test_changes_of_a_percent_and_of_a_role_start_only_what_is_new(world):
    old, new, third = (world.release(seed) for seed in range(3))
    world.promote(old)
    world.apply(Action.CANARY, new, percent=10)
    world.deployer.slow = (old, new)  # nothing of them may be started again
    assert world.apply(Action.CANARY, percent=20).status is APPLIED
    assert world.apply(Action.SHADOW, third).status is APPLIED
    assert world.served() == old


def test_a_release_that_was_never_registered_is_registered(world):
    release = world.make_release(world.store).id
    world.promote(release)
    assert world.served() == release
    assert world.registry.find("iris", release).tags["candidate"] == "first"


def test_a_rollback_needs_no_version_of_the_release(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.promote(new)
    world.registry.forget("iris", old)
    world.rollback()
    assert world.served() == old


def test_changes_do_not_need_the_registry(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.registry.down = True
    change = world.promote(new)
    assert (change.status, change.detail, world.state().stable) == (APPLIED, "", new)
    assert world.deployer.is_stable(PRODUCTION, "iris", new)
    world.rollback()
    assert world.service.repair("iris").problems == ("the registry does not answer",)
    world.registry.down = False
    world.service.repair("iris")
    assert world.served() == old


def test_a_repair_rebuilds_the_registry_and_the_servers(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.registry.forget("iris", old)
    world.registry.forget("iris", new)
    world.deployer.prune(PRODUCTION, "iris", ())
    report = world.service.repair("iris")
    assert report.problems == ()
    assert report.changed[0] == f"production serves {old} of iris as stable again"
    assert {v.release_id for v in world.registry.versions("iris")} == {old, new}
    assert world.served() == old
    assert world.service.repair("iris").changed == ()


def test_a_rollback_without_an_earlier_release_repairs(world):
    old = world.release(0)
    world.promote(old)
    world.deployer.prune(PRODUCTION, "iris", ())
    world.deployer.set_stable(PRODUCTION, "iris", None)
    change = world.rollback()
    assert (change.status, change.to_release) == (APPLIED, old)
    assert "repaired" in change.detail
    assert world.served() == old


def test_reconciling_removes_what_a_dead_process_left(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    left = world.serves(new)
    world.serves(new, CANARY)
    world.deployer.set_stable(PRODUCTION, "iris", left)
    agreement = world.service.reconcile("iris", PRODUCTION)
    assert (agreement.problems, world.served()) == ([], old)
    assert world.running() == {(old, STABLE)}


def test_reconciling_reports_what_cannot_be_repaired_and_goes_on(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    world.apply(Action.SHADOW, new)
    world.deployer.prune(PRODUCTION, "iris", ())
    world.deployer.slow = (new,)
    agreement = world.service.reconcile("iris", PRODUCTION)
    assert agreement.problems == ["it did not answer in time"]
    assert (old, STABLE) in world.running()


def test_a_defect_is_recorded(world):
    old, new = world.release(0), world.release(1)
    world.promote(old)
    change = world.service.fail(world.request(Action.PROMOTE, new), "a defect; see the log")
    assert (change, change.status) == (world.last(), FAILED)
    assert world.served() == old


def test_of_two_promotions_at_once_one_fails(world):
    old, first, second = (world.release(seed) for seed in range(3))
    world.promote(old)
    world.smoke.before_check = lambda: (world.promote(first), world.serves(second))
    change = world.promote(second)
    assert (change.status, "another process" in change.detail) == (FAILED, True)
    assert world.served() == first
    statuses = [e.change.status for e in world.ledger.entries("iris", PRODUCTION)]
    assert statuses == [APPLIED, APPLIED, FAILED]


def test_after_concurrent_promotions_the_servers_match_the_ledger(world):
    releases = [world.release(seed) for seed in range(3)]
    together = Barrier(len(releases))

    def promote(release):
        together.wait()
        return world.promote(release)

    with ThreadPoolExecutor(len(releases)) as pool:
        changes = list(pool.map(promote, releases))
    world.service.reconcile("iris", PRODUCTION)
    applied = [c for c in changes if c.status is APPLIED]
    entries = [e.change for e in world.ledger.entries("iris", PRODUCTION)]
    assert len([c for c in entries if c.status is APPLIED]) == len(applied) >= 1
    world.service.repair("iris")
    assert world.served() == [c for c in entries if c.status is APPLIED][-1].to_release
