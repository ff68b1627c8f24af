"""Retraining that waits for approval."""

import pytest

from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.errors import Conflict
from platform_core.reports.retrain_requests import RetrainRequests
from release_controller.controller import ReleaseController
from release_controller.retraining import RetrainingSuggestions


@pytest.fixture
def requests(world) -> RetrainRequests:
    return RetrainRequests(world.store)


@pytest.fixture
def suggestions(world) -> RetrainingSuggestions:
    return RetrainingSuggestions(world.store, world.changes, world.clock)


def ask(world, requests, request_id="one", approvals=1) -> RetrainRequest:
    request = RetrainRequest(
        request_id=request_id,
        use_case="iris",
        environment="production",
        release_id="a" * 32,
        reason="harm: quality:f1",
        report_id="report",
        created_at=world.clock.now(),
        window_end=world.clock.now(),
        approvals=approvals,
    )
    requests.create(request)
    return request


def controlled(world) -> None:
    """Have the controller take the open changes; no service is called for retraining."""
    controller = ReleaseController(world.store, world.changes, None, world.clock)
    controller.step()
    controller.join()


def test_a_person_sees_the_suggestion_with_its_evidence_and_approves_it(
    world, requests, suggestions
):
    request = ask(world, requests)
    for _ in range(2):  # it is suggested once
        suggestions.step()
    (suggested,) = world.changes.open()
    asked = suggested.request
    assert (asked.action, suggested.status) == (Action.RETRAIN, ChangeStatus.SUGGESTED)
    assert (asked.actor, asked.reason) == ("policy", "harm: quality:f1")
    assert RetrainRequest.model_validate(asked.evidence) == request
    controlled(world)
    assert not requests.may_run(request)
    world.changes.decide(asked.change_id, "bob", True, "the labels say so")
    controlled(world)
    assert requests.may_run(request)
    ended = world.changes.get(asked.change_id)
    assert (ended.status, ended.result.detail) == (
        ChangeStatus.APPLIED,
        "the scheduler runs the retraining request one",
    )
    assert len(world.ledger.entries("iris", "production")) == 1, "nothing served has changed"


def test_a_rejected_suggestion_never_runs_and_does_not_come_back(world, requests, suggestions):
    request = ask(world, requests)
    suggestions.step()
    (suggested,) = world.changes.open()
    world.changes.decide(suggested.request.change_id, "bob", False, "known holiday traffic")
    controlled(world)
    suggestions.step()
    assert not requests.may_run(request)
    assert list(world.changes.open()) == []
    with pytest.raises(Conflict):
        world.changes.decide(suggested.request.change_id, "eve", True, "too late")


def test_every_approver_is_needed_and_automatic_requests_are_not_suggested(
    world, requests, suggestions
):
    two, automatic = ask(world, requests, "two", 2), ask(world, requests, "auto", 0)
    suggestions.step()
    (suggested,) = world.changes.open()
    assert suggested.request.evidence["request_id"] == "two"
    for number, person in enumerate(("bob", "eve")):
        assert requests.may_run(two) is False, number
        world.changes.decide(suggested.request.change_id, person, True, "yes")
        controlled(world)
    assert requests.may_run(two)
    assert requests.may_run(automatic)


def test_a_controller_that_died_before_its_marker_suggests_once(world, requests, suggestions):
    ask(world, requests)
    suggestions.step()
    world.store.delete("drift-reports/_retrain-requests/one.suggested")
    suggestions.step()
    assert len(list(world.changes.open())) == 1
