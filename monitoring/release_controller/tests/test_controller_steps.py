"""The loops of the controller, without servers."""

from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event

import httpx
import pytest
from prometheus_client import REGISTRY

from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.changes import Changes
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest, ChangeStatus, ControllerState
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.errors import UpstreamUnavailable
from platform_core.ledger import Ledger
from platform_core.storage import CONTROLLER
from platform_core.testing.processes import free_port
from release_controller.controller import ReleaseController
from release_controller.http import serve
from release_controller.loops import Loop
from release_controller.reconciler import Reconciler
from release_controller.records import RegistryUpdater
from releases.changes import NeededServices, RegistryRecords, ReleaseService, Servers
from releases.deployers.memory import MemoryDeployer

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class FlakyRegistry(MemoryRegistry):
    down = False

    def versions(self, use_case):
        if self.down:
            raise UpstreamUnavailable("the registry does not answer")
        return super().versions(use_case)


class DownLedger(Ledger):
    down = True

    def entries(self, use_case, environment):
        if self.down:
            raise UpstreamUnavailable("the blob store does not answer")
        return super().entries(use_case, environment)


class Smoke:
    """Runs `before` before each check."""

    before = staticmethod(lambda: None)

    def check(self, *_):
        self.before()


class World:
    """A controller over a store, with servers in memory."""

    def __init__(self, store, make_release):
        self.store, self.clock = store, ManualClock(START)
        self.registry, self.deployer = FlakyRegistry(), MemoryDeployer(store)
        self.smoke = Smoke()
        self.ledger, self.changes = Ledger(store, self.clock), Changes(store, self.clock)
        records = RegistryRecords(store, self.registry, self.ledger)
        needed = NeededServices(store, self.clock, timedelta(minutes=30))
        servers = Servers(store, self.deployer, records, self.ledger, needed)
        self.service = ReleaseService(store, self.ledger, servers, self.smoke, records)
        self.ended = []
        self.release = make_release(store, "iris").id
        self.numbers = count(1)

    def controller(self):
        """Return a controller that has just started."""
        return ReleaseController(
            self.store, self.changes, self.service, self.clock, self.ended.append
        )

    def submit(self, action=Action.DEPLOY, environment=STAGING, case="iris", **more):
        number = next(self.numbers)
        request = ChangeRequest(
            change_id=f"c{number}",
            created_at=self.clock.now() + timedelta(milliseconds=number),
            use_case=case,
            environment=environment,
            action=action,
            actor="ada",
            reason="why",
            **{"release_id": self.release if action is Action.DEPLOY else None, **more},
        )
        return self.changes.submit(request)

    def run(self, controller):
        """Take steps until nothing is applied."""
        for _ in range(5):
            controller.step()
            controller.join()

    def status(self, change_id):
        return self.changes.get(change_id).status


@pytest.fixture
def world(blob_store, make_release):
    return World(blob_store, make_release)


def test_open_changes_are_applied_in_order(world):
    first = world.submit()
    second = world.submit(Action.ABORT)
    unknown = world.submit(case="roses")
    world.run(world.controller())
    assert world.status(first) is ChangeStatus.APPLIED
    assert world.changes.get(second).result.from_state == ServingState(stable=world.release)
    assert world.status(unknown) is ChangeStatus.REFUSED
    assert list(world.changes.open()) == []
    texts = [step.text for step in world.changes.get(first).steps]
    assert texts[0] == "taken by the release controller"
    assert f"smoke test of {world.release:.12}" in texts
    assert sorted(world.ended) == ["iris", "iris", "roses"]


def test_a_suggestion_waits_for_approval(world):
    suggested = world.submit(approvals=1)
    controller = world.controller()
    world.run(controller)
    assert world.status(suggested) is ChangeStatus.SUGGESTED
    world.changes.decide(suggested, "bob", True, "good")
    world.run(controller)
    assert world.status(suggested) is ChangeStatus.APPLIED


def waits_since(**labels):
    """Return the exported time of the oldest waiting change, `None` where nothing waits."""
    name = "release_controller_oldest_change_timestamp_seconds"
    place = {"use_case": "iris", "environment": "staging", "action": "deploy"}
    return REGISTRY.get_sample_value(name, {**place, **labels})


def test_the_metrics_show_since_when_changes_wait(world):
    change = world.submit(approvals=1)
    world.submit(approvals=1)
    controller = world.controller()
    controller.step()
    requested = world.changes.get(change).request.created_at.timestamp()
    assert waits_since(waiting_for="approval") == requested
    assert waits_since(waiting_for="controller") is None
    world.changes.decide(change, "bob", True, "good")
    controller.step()
    assert waits_since(waiting_for="controller") == requested
    controller.join()
    controller.step()
    assert waits_since(waiting_for="controller") is None
    assert waits_since(waiting_for="approval") > requested


def test_the_first_failure_of_a_place_is_an_increase(world):
    labels = {"use_case": "spam", "environment": "staging", "action": "deploy", "status": "failed"}
    Reconciler(world.service, ["spam"].copy).step()
    assert REGISTRY.get_sample_value("release_controller_changes_total", labels) == 0


def test_a_rejected_change_is_never_applied(world):
    change = world.submit(approvals=1)
    world.changes.decide(change, "bob", False, "no")
    world.run(world.controller())
    assert (world.status(change), world.ledger.entries("iris", STAGING)) == (
        ChangeStatus.REJECTED, [],
    )  # fmt: skip


def test_a_slow_change_holds_up_no_other_place(world):
    begun, go_on = Event(), Event()

    def wait():
        if not begun.is_set():
            begun.set()
            go_on.wait(20)

    world.smoke.before = wait
    slow = world.submit()
    behind = world.submit(Action.ABORT)
    elsewhere = world.submit(Action.ABORT, PRODUCTION)
    controller = world.controller()
    controller.step()
    assert begun.wait(20)
    controller.step()
    while world.changes.get(elsewhere).result is None:
        controller.step()
    assert controller.applying().get(("iris", STAGING)) == slow
    assert world.status(behind) is ChangeStatus.REQUESTED
    life = ControllerState.model_validate_json(world.store.read(CONTROLLER))
    assert slow in life.applying
    go_on.set()
    controller.join()
    world.run(controller)
    assert world.status(behind) is ChangeStatus.APPLIED


def test_a_controller_shows_life_and_retries_after_the_clock_was_set_back(world):
    controller = world.controller()
    ledger = world.service._ledger = DownLedger(world.store, world.clock)
    change = world.submit()
    world.run(controller)
    ledger.down = False
    world.clock.advance(-timedelta(hours=1))
    world.run(controller)
    life = ControllerState.model_validate_json(world.store.read(CONTROLLER))
    assert life.time == world.clock.now()
    assert world.status(change) is ChangeStatus.APPLIED


def test_a_change_that_died_after_its_entry_gets_its_result_from_the_ledger(world):
    change = world.submit()
    world.service.apply(world.changes.get(change).request)
    world.run(world.controller())
    assert world.status(change) is ChangeStatus.APPLIED
    assert len(world.ledger.entries("iris", STAGING)) == 1


def test_a_change_that_died_before_its_entry_is_applied_again(world):
    def die():
        world.smoke.before = lambda: None
        raise SystemExit

    world.smoke.before = die
    change = world.submit()
    with pytest.raises(SystemExit):
        world.service.apply(world.changes.get(change).request)
    world.run(world.controller())
    assert world.status(change) is ChangeStatus.APPLIED


def test_a_marker_that_was_left_is_removed(world):
    change = world.submit()
    result = world.service.apply(world.changes.get(change).request)
    world.changes.finish(result)
    world.store.write(f"models/_changes/_open/{change}", b"")
    world.run(world.controller())
    assert list(world.changes.open()) == []


def test_a_defect_fails_the_change_and_not_the_controller(world, caplog):
    def broken():
        raise ZeroDivisionError

    world.smoke.before = broken
    change, behind = world.submit(), world.submit(Action.ABORT)
    world.run(world.controller())
    result = world.changes.get(change).result
    assert (result.status, "ZeroDivisionError" in result.detail) == (ChangeStatus.FAILED, True)
    assert world.status(behind) is ChangeStatus.APPLIED
    assert "deploy of iris in staging" in caplog.text


def test_a_change_is_tried_again_when_the_store_did_not_answer(world, caplog):
    ledger = world.service._ledger = DownLedger(world.store, world.clock)
    change, controller = world.submit(), world.controller()
    world.run(controller)
    assert world.status(change) is ChangeStatus.REQUESTED
    assert caplog.text.count("is tried again") == 1
    ledger.down = False
    world.clock.advance(timedelta(seconds=3))
    world.run(controller)
    assert world.status(change) is ChangeStatus.APPLIED


def test_servers_are_reconciled(world, caplog):
    world.submit()
    world.run(world.controller())
    world.deployer.prune(STAGING, "iris", ())
    reconciler = Reconciler(world.service, lambda: ["iris"])
    with caplog.at_level("INFO", "release_controller"):
        reconciler.step()
    assert world.deployer.running(STAGING, "iris") == {(world.release, ServingRole.STABLE)}
    assert f"repaired: staging serves {world.release} of iris as stable again" in caplog.text


def test_what_cannot_be_repaired_is_reported_once(world, caplog):
    world.submit()
    world.run(world.controller())
    world.deployer.prune(STAGING, "iris", ())
    world.store.delete(f"models/iris/{world.release}/release.json")
    reconciler = Reconciler(world.service, lambda: ["iris"])
    for _ in range(3):
        reconciler.step()
    assert caplog.text.count("iris in staging differs from the ledger") == 1


def test_the_registry_is_updated_when_it_answers(world):
    world.registry.down = True
    updater = RegistryUpdater(world.service, world.clock, [])
    world.ended = type("Ended", (), {"append": staticmethod(updater.changed)})()
    world.submit()
    world.run(world.controller())
    updater.step()
    world.registry.down = False
    updater.step()
    assert world.registry.versions("iris") == []
    world.clock.advance(timedelta(seconds=20))
    updater.step()
    assert world.registry.alias("iris", "staging").release_id == world.release


def test_a_loop_survives_errors_and_tells_when_it_last_worked(caplog):
    clock, stop, calls = ManualClock(START), Event(), []

    def step():
        calls.append(len(calls))
        if len(calls) == 1:
            raise UpstreamUnavailable("down")
        if len(calls) == 2:
            raise ZeroDivisionError
        stop.set()

    loop = Loop("test", step, 0.001, clock)
    assert not loop.is_alive(timedelta(seconds=1))
    loop.run(stop)
    assert calls == [0, 1, 2]
    assert "test: down" in caplog.text
    assert "test failed" in caplog.text
    assert loop.is_alive(timedelta(seconds=1))
    clock.advance(timedelta(seconds=2))
    assert not loop.is_alive(timedelta(seconds=1))


def test_liveness_and_metrics_are_served():
    port = free_port()
    alive = [True]
    server = serve("127.0.0.1", port, lambda: alive[0])
    url = f"http://127.0.0.1:{port}"
    assert httpx.get(f"{url}/health/live").status_code == 200
    alive[0] = False
    assert httpx.get(f"{url}/health/live").status_code == 503
    assert "release_controller_open_changes" in httpx.get(f"{url}/metrics").text
    server.shutdown()
    server.server_close()
