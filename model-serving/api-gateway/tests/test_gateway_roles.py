"""Routing to the stable release and the canary, by key, and to one role on request."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.routing.traffic_split import answers, mirrors, position
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import Canary, ServingState, Shadow, model_name
from scoring import Scorer, build_release
from use_cases import use_case

STAGING = Environment.STAGING
KEYS = 20_000
ids = st.text("0123456789abcdef", min_size=1, max_size=32)


def canary(percent: int, release_id: str = "b" * 32, change_id: str = "c7") -> Canary:
    return Canary(release_id=release_id, percent=percent, change_id=change_id)


@pytest.fixture(scope="session")
def other(trained) -> Scorer:
    """Another release of spam."""
    case = use_case("spam")
    return Scorer(build_release(case, trained("spam", 1), b"", None), case)


@pytest.fixture
async def both(running, candidates, releases, other, set_state):
    """A gateway with a canary of spam in staging; `both(percent)` sets its percent."""
    candidates.server.scorers[model_name("spam", other.release_id)] = other

    async def set_percent(percent: int | None) -> Any:
        chosen = percent and canary(percent, other.release_id)
        state = ServingState(stable=releases["spam"].id, canary=chosen)
        set_state(running.store, "spam", STAGING, state)
        await running.gateway.catalog.refresh()
        return running

    return set_percent


def key_of(role: str, percent: int, change_id: str = "c7") -> str:
    """Return a routing key that goes to this role."""
    wanted, chosen = role == "canary", canary(percent, change_id=change_id)
    return next(key for key in map(str, range(1000)) if answers(chosen, key) is wanted)


@pytest.mark.parametrize("form", ["key-{}", "{:08d}", "user{}@example.org"])
def test_the_share_of_a_canary_is_its_percent(form) -> None:
    positions = Counter(position(form.format(number), "c7") for number in range(KEYS))
    for percent in range(1, 100):
        share = sum(count for place, count in positions.items() if place < percent) / KEYS
        assert abs(share - percent / 100) <= 0.01


@given(ids, st.integers(1, 99))
def test_the_canary_answers_the_positions_below_its_percent(change_id, percent) -> None:
    chosen = canary(percent, change_id=change_id)
    for key in map(str, range(100)):
        assert answers(chosen, key) is (position(key, change_id) < percent)


@given(st.text(), ids, st.integers(1, 99), st.integers(1, 99))
def test_a_key_keeps_its_release_while_the_percent_grows(key, change_id, one, other) -> None:
    low, high = sorted([one, other])
    if answers(canary(low, change_id=change_id), key):
        assert answers(canary(high, change_id=change_id), key)
    assert 0 <= position(key, change_id) < 100


def test_another_canary_begins_with_other_keys() -> None:
    first, second = canary(10, change_id="first"), canary(10, change_id="second")
    keys = [str(number) for number in range(KEYS)]
    again = [answers(second, key) for key in keys if answers(first, key)]
    assert 0.05 < sum(again) / len(again) < 0.15


def test_a_shadow_of_all_requests_gets_all() -> None:
    for percent, share in ((100, 1.0), (25, 0.25)):
        shadow = Shadow(release_id="b", sample_percent=percent, change_id="c")
        copied = sum(mirrors(shadow, str(number)) for number in range(KEYS)) / KEYS
        assert copied == pytest.approx(share, abs=0.01)


async def test_a_canary_answers_its_share_and_each_key_keeps_its_release(both, releases, other):
    running = await both(30)
    first = {}
    for number in range(60):
        headers = {"X-Routing-Key": f"caller-{number}"}
        answer = (await running.predict(headers=headers)).json()
        first[number] = answer["role"]
        expected = other.release_id if answer["role"] == "canary" else releases["spam"].id
        assert answer["release_id"] == expected
        assert (answer["role"] == "canary") is answers(canary(30), f"caller-{number}")
    assert set(first.values()) == {"stable", "canary"}
    await both(60)
    for number, role in first.items():
        headers = {"X-Routing-Key": f"caller-{number}"}
        again = (await running.predict(headers=headers)).json()["role"]
        assert role == "stable" or again == "canary"
    logged = Counter(row["role"] for row in await running.logged())
    assert logged.total() == 120


async def test_each_record_of_a_batch_is_routed_by_its_id(both, v2, candidates, spam) -> None:
    running = await both(40)
    mails = [{**spam, "email_id": f"mail-{number}"} for number in range(50)]
    body = (await running.predict({"emails": mails}, "/predict/batch-sync")).json()
    assert [one["email_id"] for one in body["predictions"]] == [one["email_id"] for one in mails]
    for one in body["predictions"]:
        assert (one["role"] == "canary") is answers(canary(40), one["email_id"])
    assert {one["role"] for one in body["predictions"]} == {"stable", "canary"}
    assert len(v2.server.requests) == len(candidates.server.requests) == 1
    rows = await running.logged()
    roles = {one["prediction_id"]: one["role"] for one in body["predictions"]}
    assert {row["prediction_id"]: row["role"] for row in rows} == roles


async def test_records_without_an_id_are_routed_by_their_prediction(
    running, candidates, scorers, set_state, releases, iris
) -> None:
    stable = releases["iris"].id
    name = model_name("iris", "b" * 32)
    candidates.server.scorers[name] = scorers["iris"]
    candidates.server.named[name] = "b" * 32
    set_state(running.store, "iris", STAGING, ServingState(stable=stable, canary=canary(50)))
    await running.gateway.catalog.refresh()
    records = {"records": [iris] * 100}
    body = (await running.predict(records, "/models/iris/predict/batch-sync")).json()
    for one in body["predictions"]:
        assert (one["role"] == "canary") is answers(canary(50), one["prediction_id"][12:])
    assert {one["role"] for one in body["predictions"]} == {"stable", "canary"}


async def test_the_stable_release_answers_for_a_canary_that_is_down(
    both, candidates, releases, other
) -> None:
    running = await both(99)
    await candidates.stop()
    headers = {"X-Routing-Key": key_of("canary", 99)}
    answer = await running.predict(headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["role"], answer.json()["release_id"]) == ("stable", releases["spam"].id)
    stable, failed = sorted(await running.logged(), key=lambda row: row["failed"])
    assert (stable["role"], stable["failed"]) == ("stable", False)
    assert (failed["role"], failed["release_id"]) == ("canary", other.release_id)
    assert failed["prediction_id"] == stable["prediction_id"] == answer.json()["prediction_id"]
    assert (failed["prediction"], failed["input.subject"]) == (None, stable["input.subject"])
    text = (await running.client.get("/metrics")).text
    labels = 'environment="staging",role="canary",use_case="spam"'
    assert f"gateway_candidate_failures_total{{{labels}}} 1.0" in text


@pytest.mark.parametrize("status", [404, 500])
async def test_a_batch_with_a_failing_canary_is_answered_completely(
    both, candidates, other, spam, status
) -> None:
    running = await both(50)

    async def fail() -> web.Response:
        return web.json_response({"error": "no"}, status=status)

    candidates.server.fault = fail
    mails = [{**spam, "email_id": f"mail-{number}"} for number in range(50)]
    body = (await running.predict({"emails": mails}, "/predict/batch-sync")).json()
    assert {one["role"] for one in body["predictions"]} == {"stable"}
    rows = await running.logged()
    failed = {row["input.email_id"] for row in rows if row["failed"]}
    assert failed == {m["email_id"] for m in mails if answers(canary(50), m["email_id"])}
    assert len(rows) == len(mails) + len(failed)
    assert {row["release_id"] for row in rows if row["failed"]} == {other.release_id}


async def test_a_part_that_fails_leaves_no_record_of_the_other(both, v2, spam) -> None:
    running = await both(50)

    async def fail() -> web.Response:
        return web.json_response({"error": "no memory"}, status=500)

    v2.server.fault = fail
    mails = [{**spam, "email_id": f"mail-{number}"} for number in range(50)]
    answer = await running.predict({"emails": mails}, "/predict/batch-sync")
    assert answer.status_code == 503
    assert await running.logged() == []


@pytest.mark.parametrize("how", ["gone", "another"])
async def test_a_request_follows_a_state_that_has_just_changed(
    running, v2, releases, other, set_state, how
) -> None:
    old, new = (model_name("spam", one) for one in (releases["spam"].id, other.release_id))
    v2.server.scorers[new] = other
    set_state(running.store, "spam", STAGING, ServingState(stable=other.release_id))
    if how == "gone":
        del v2.server.scorers[old]
    else:
        v2.server.scorers[old] = other
    answers = await asyncio.gather(*(running.predict() for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    assert {one.json()["release_id"] for one in answers} == {other.release_id}


async def test_a_release_can_be_asked_by_its_role(both, releases, other) -> None:
    running = await both(1)
    for role, release in (("canary", other.release_id), ("stable", releases["spam"].id)):
        answer = (await running.predict(headers={"X-Release-Role": role})).json()
        assert (answer["role"], answer["release_id"]) == (role, release)
    assert {row["purpose"] for row in await running.logged()} == {"try"}


async def test_a_smoke_test_sees_a_change_that_has_just_been_made(
    running, v2, other, set_state
) -> None:
    v2.server.scorers[model_name("spam", other.release_id)] = other
    set_state(running.store, "spam", STAGING, ServingState(stable=other.release_id))
    answer = await running.predict(headers={"X-Purpose": "smoke"})
    assert answer.json()["release_id"] == other.release_id


async def test_a_role_without_a_release_is_409_and_an_unknown_one_400(both) -> None:
    running = await both(1)
    answer = await running.predict(headers={"X-Release-Role": "shadow"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-release-in-role")
    assert "roles that have one: stable, canary" in answer.json()["detail"]
    answer = await running.predict(headers={"X-Release-Role": "boss"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-release-role")


async def test_a_canary_that_was_asked_by_its_role_is_not_replaced(both, candidates) -> None:
    running = await both(50)
    await candidates.stop()
    answer = await running.predict(headers={"X-Release-Role": "canary"})
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")


async def test_a_dead_canary_does_not_close_the_stable_release(serve, both, candidates) -> None:
    running = await both(50)
    await candidates.stop()
    for number in range(40):
        answer = await running.predict(headers={"X-Routing-Key": str(number)})
        assert (answer.status_code, answer.json()["role"]) == (200, "stable")


async def test_health_names_the_release_of_each_role(both, candidates) -> None:
    running = await both(10)
    candidates.server.remove("spam")
    parts = (await running.client.get("/health")).json()["dependencies"]
    assert parts["inference-service/staging/spam"]["status"] == "ok"
    assert parts["inference-service/staging/spam/canary"]["status"] == "unavailable"
    assert (await running.client.get("/health/ready")).status_code == 200
