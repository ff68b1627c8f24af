"""Requested changes: recorded once, decided by people, ended by the controller."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from platform_core.changes import Changes, RecordedChange
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeRequest, ChangeStatus
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import Conflict, NotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import change_path

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def changes(store: BlobStore, clock: ManualClock) -> Changes:
    return Changes(store, clock)


def request(change_id: str, use_case: str, **fields: object) -> ChangeRequest:
    values = {
        "change_id": change_id,
        "created_at": NOON,
        "use_case": use_case,
        "environment": Environment.PRODUCTION,
        "action": Action.PROMOTE,
        "actor": "ada",
        "reason": "monthly",
    }
    return ChangeRequest.model_validate(values | fields)


def result(asked: ChangeRequest, status: ChangeStatus) -> Change:
    return Change(
        **asked.model_dump(include={"change_id", "use_case", "environment", "action", "actor"}),
        reason=asked.reason,
        from_state=ServingState(),
        to_state=ServingState(stable="a"),
        status=status,
    )


def mine(found: list[RecordedChange], use_case: str) -> list[str]:
    return [one.request.change_id for one in found if one.request.use_case == use_case]


def test_a_request_is_open_until_it_has_ended(changes: Changes, use_case: str) -> None:
    first, second = f"{use_case}1", f"{use_case}2"
    for change_id in (second, first):
        assert changes.submit(request(change_id, use_case)) == change_id
    assert mine(list(changes.open()), use_case) == [first, second]
    assert changes.get(first).status is ChangeStatus.REQUESTED
    changes.finish(result(changes.get(first).request, ChangeStatus.REFUSED))
    assert changes.get(first).status is ChangeStatus.REFUSED
    assert mine(list(changes.open()), use_case) == [second]
    assert [one for one in changes.ids() if one in {first, second}] == [second, first]


@pytest.mark.parametrize("unknown", ["none", "../secret", ""])
def test_an_unknown_change_is_named(changes: Changes, unknown: str) -> None:
    with pytest.raises(NotFound, match=r"mlplatform change list"):
        changes.get(unknown)


def test_a_key_records_one_change(changes: Changes, use_case: str) -> None:
    key = f"key-{use_case}"
    first = f"{use_case}a"
    assert changes.submit(request(first, use_case), key) == first
    again = request("other", use_case, created_at=NOON + timedelta(hours=1))
    assert changes.submit(again, key) == first
    different = request("third", use_case, reason="another")
    with pytest.raises(Conflict, match=f"used for another change \\({first}\\)"):
        changes.submit(different, key)
    assert changes.submit_once(different, key) == first
    for unused in ("other", "third"):
        with pytest.raises(NotFound):
            changes.get(unused)


def test_requests_with_one_key_at_the_same_time_record_one_change(
    changes: Changes, use_case: str
) -> None:
    def submit(number: int) -> str:
        return changes.submit(request(f"{use_case}x{number}", use_case), f"{use_case}-at-once")

    with ThreadPoolExecutor(8) as pool:
        (change_id,) = set(pool.map(submit, range(40)))
    assert mine(list(changes.open()), use_case) == [change_id]


def test_a_process_that_died_after_it_claimed_the_key_is_completed(
    changes: Changes, store: BlobStore, use_case: str
) -> None:
    first, key = f"{use_case}a", f"died-{use_case}"
    changes.submit(request(first, use_case), key)
    store.delete(change_path(first, "request.json"))
    changes.close(first)
    assert changes.submit(request("new", use_case), key) == first
    assert changes.get(first).request == request(first, use_case)
    assert mine(list(changes.open()), use_case) == [first]


def test_a_process_that_died_before_it_opened_the_change_is_completed(
    changes: Changes, use_case: str
) -> None:
    first, key = f"{use_case}a", f"died-{use_case}"
    changes.submit(request(first, use_case), key)
    changes.close(first)
    assert changes.submit(request("new", use_case), key) == first
    assert mine(list(changes.open()), use_case) == [first]


def test_a_marker_without_a_request_does_not_hide_other_changes(
    changes: Changes, store: BlobStore, use_case: str
) -> None:
    lost, kept = f"{use_case}a", f"{use_case}b"
    for change_id in (lost, kept):
        changes.submit(request(change_id, use_case))
    store.delete(change_path(lost, "request.json"))
    assert mine(list(changes.open()), use_case) == [kept]
    changes.close(lost)


def test_a_change_that_has_ended_is_not_opened_again(changes: Changes, use_case: str) -> None:
    first, key = f"{use_case}a", f"ended-{use_case}"
    changes.submit(request(first, use_case), key)
    changes.finish(result(changes.get(first).request, ChangeStatus.APPLIED))
    assert changes.submit(request("new", use_case), key) == first
    assert mine(list(changes.open()), use_case) == []


def test_a_suggestion_waits_for_as_many_people_as_it_needs(changes: Changes, use_case: str) -> None:
    one = f"{use_case}s"
    changes.submit(request(one, use_case, approvals=2))
    assert changes.get(one).status is ChangeStatus.SUGGESTED
    assert changes.decide(one, "ada", True, "looks good").status is ChangeStatus.SUGGESTED
    with pytest.raises(Conflict, match="ada has already decided"):
        changes.decide(one, "ada", True, "twice")
    assert changes.decide(one, "bob", True, "me too").status is ChangeStatus.REQUESTED
    with pytest.raises(Conflict, match="is requested; only a suggested one"):
        changes.decide(one, "eve", True, "me three")


def test_a_change_can_be_withdrawn_until_it_is_being_applied(
    changes: Changes, use_case: str, clock: ManualClock
) -> None:
    one, two = f"{use_case}1", f"{use_case}2"
    for change_id in (one, two):
        changes.submit(request(change_id, use_case))
    assert changes.decide(one, "ada", False, "not now").status is ChangeStatus.REJECTED
    changes.begin_step(two, "taken")
    clock.advance(timedelta(seconds=1))
    changes.begin_step(two, "verifying")
    steps = changes.get(two).steps
    assert [(step.time, step.text) for step in steps] == [
        (NOON, "taken"),
        (NOON + timedelta(seconds=1), "verifying"),
    ]
    with pytest.raises(Conflict, match="not being applied yet"):
        changes.decide(two, "ada", False, "too late")


def test_one_rejection_rejects(changes: Changes, use_case: str) -> None:
    one = f"{use_case}r"
    changes.submit(request(one, use_case, approvals=2))
    changes.decide(one, "ada", True, "fine")
    rejected = changes.decide(one, "bob", False, "not before the holidays")
    assert rejected.status is ChangeStatus.REJECTED
    assert {d.reason for d in rejected.decisions} == {"fine", "not before the holidays"}
    assert mine(list(changes.open()), use_case) == []
