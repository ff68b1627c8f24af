"""Shadows: copies after the answer, which change nothing for the caller."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any, cast

import pytest
from aiohttp import web

from api_gateway.predict.shadow import ShadowCopy, WaitingCopies
from api_gateway.routing.traffic_split import mirrors
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import (
    Canary,
    GatewayState,
    ServingState,
    Shadow,
    model_name,
)
from platform_core.storage import GATEWAYS
from scoring import Scorer, build_release
from use_cases import use_case

STAGING = Environment.STAGING
VARYING = ("prediction_id", "latency_ms")
PATIENCE = 2.0
"""Seconds that a shadow may take; no caller waits for it."""


@pytest.fixture(scope="session")
def other(trained) -> Scorer:
    """Another release of spam."""
    case = use_case("spam")
    return Scorer(build_release(case, trained("spam", 1), b"", None), case)


@pytest.fixture
def begin(candidates, releases, other, set_state):
    """Return a function that makes the other release the shadow of spam in staging."""

    async def begin(running: Any, percent: int = 100) -> Shadow:
        candidates.server.scorers[model_name("spam", other.release_id)] = other
        shadow = Shadow(release_id=other.release_id, sample_percent=percent, change_id="c9")
        state = ServingState(stable=releases["spam"].id, shadow=shadow)
        set_state(running.store, "spam", STAGING, state)
        await running.gateway.catalog.refresh()
        return shadow

    return begin


async def shadowed(running, count: int) -> list[dict[str, Any]]:
    """Wait until so many records of the shadow are logged; return all records."""
    async with asyncio.timeout(20):
        while True:
            rows = await running.logged()
            if sum(row["role"] == "shadow" for row in rows) >= count:
                return rows
            await asyncio.sleep(0.01)


async def metric(running, name: str) -> float:
    text = (await running.client.get("/metrics")).text
    values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
    return sum(map(float, values))


async def test_a_shadow_gets_a_copy_and_its_record_bears_the_answers_id(
    running, begin, releases, other, spam
) -> None:
    await begin(running)
    single = (await running.predict()).json()
    mails = [{**spam, "email_id": str(number)} for number in range(40)]
    batch = (await running.predict({"emails": mails}, "/predict/batch-sync")).json()
    answered = [single, *batch["predictions"]]
    assert {one["release_id"] for one in answered} == {releases["spam"].id}
    rows = await shadowed(running, 41)
    mirrored = {row["prediction_id"]: row for row in rows if row["role"] == "shadow"}
    stable = {row["prediction_id"]: row for row in rows if row["role"] == "stable"}
    assert mirrored.keys() == stable.keys() == {one["prediction_id"] for one in answered}
    assert len(rows) == 82
    for one, row in mirrored.items():
        assert row["release_id"] == other.release_id
        assert (row["failed"], row["purpose"], row["time"]) == (False, "live", stable[one]["time"])
        assert row["input.email_id"] == stable[one]["input.email_id"]
        assert row["probability.spam"] != stable[one]["probability.spam"]
        assert row["latency_ms"] > 0


async def test_a_shadow_gets_the_records_of_one_call_by_one_call(
    running, begin, candidates, spam
) -> None:
    await begin(running)
    mails = [{**spam, "email_id": str(number)} for number in range(40)]
    await running.predict({"emails": mails}, "/predict/batch-sync")
    await running.predict()
    await shadowed(running, 41)
    assert [len(call["inputs"][0]["data"]) for call in candidates.server.requests] == [40, 1]


def test_timed_calls_come_in_short_runs_after_a_gathered_call() -> None:
    """Requests come 200 times a second, and each timed call takes 2.5 ms."""
    waiting, sent = WaitingCopies(), []
    for number in range(180):
        now = 100 + number * 0.005
        waiting.add([cast(ShadowCopy, number)], now)
        while waiting.due_in(now) == 0:
            copies, timed = waiting.take()
            sent.append("timed" if timed else len(copies))
            if timed:
                waiting.timed_call_ended(0.0025)
    run = ["timed"] * 5
    assert sent == [*run, 32, 32, 15, *run, 32, 32, 15, *run], "3 % of the time is timed"


async def test_calls_that_are_not_timed_are_sent_together_and_have_no_latency(
    running, begin, candidates
) -> None:
    await begin(running)
    candidates.server.gate.clear()
    answers = [(await running.predict()).json() for _ in range(40)]
    candidates.server.gate.set()
    rows = await shadowed(running, len(answers))
    sizes = [len(call["inputs"][0]["data"]) for call in candidates.server.requests]
    assert sizes == [*[1] * 9, 31], "one that is predicted, eight that wait, and the others"
    mirrored = [row for row in rows if row["role"] == "shadow"]
    assert {row["prediction_id"] for row in mirrored} == {one["prediction_id"] for one in answers}
    without = [row for row in mirrored if row["latency_ms"] is None]
    assert len(without) == 31
    assert {row["service_ms"] for row in without} == {None}
    assert {row["failed"] for row in mirrored} == {False}


async def test_a_sample_is_chosen_by_the_routing_key(running, begin) -> None:
    shadow = await begin(running, 30)
    keys = [f"key-{number}" for number in range(60)]
    answers = [await running.predict(headers={"X-Routing-Key": key}) for key in keys]
    expected = {
        answer.json()["prediction_id"]
        for key, answer in zip(keys, answers, strict=True)
        if mirrors(shadow, key)
    }
    rows = await shadowed(running, len(expected))
    assert {row["prediction_id"] for row in rows if row["role"] == "shadow"} == expected
    assert 5 <= len(expected) <= 35


@pytest.mark.parametrize("fault", ["dead", "slow", "wrong", "failing"])
async def test_a_broken_shadow_changes_no_byte_and_adds_no_wait(
    serve, begin, candidates, fault
) -> None:
    running = await serve(upstream_timeout_seconds=PATIENCE)
    before = (await running.predict()).json()
    await begin(running)
    if fault == "dead":
        await candidates.stop()
    elif fault == "slow":
        candidates.server.gate.clear()
    else:
        body = {"error": "no"} if fault == "failing" else {"outputs": []}

        async def wrong() -> web.Response:
            return web.json_response(body, status=500 if fault == "failing" else 200)

        candidates.server.fault = wrong
    started = asyncio.get_running_loop().time()
    # One at a time: records that are predicted together may differ in the last bit.
    answers = [await running.predict() for _ in range(10)]
    assert asyncio.get_running_loop().time() - started < PATIENCE
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        document = answer.json()
        assert list(document) == list(before)
        differs = {name for name in before if document[name] != before[name]}
        assert differs <= set(VARYING)
    rows = await shadowed(running, 10)
    failed = [row for row in rows if row["role"] == "shadow"]
    assert {row["failed"] for row in failed} == {True}
    assert {row["prediction"] for row in failed} == {None}
    assert Counter(row["role"] for row in rows) == {"stable": 11, "shadow": 10}
    assert await metric(running, "gateway_candidate_failures_total{") == 10
    candidates.server.gate.set()


async def test_copies_that_the_queue_cannot_hold_are_dropped_and_counted(
    serve, begin, candidates, spam
) -> None:
    running = await serve(shadow_queue_records=10)
    await begin(running)
    candidates.server.gate.clear()
    mails = [{**spam, "email_id": str(number)} for number in range(100)]
    for _ in range(3):
        answer = await running.predict({"emails": mails}, "/predict/batch-sync")
        assert answer.status_code == 200
    dropped = await metric(running, "gateway_shadow_dropped_total{")
    assert dropped >= 300 - 10 - 2 * 32
    candidates.server.gate.set()
    rows = await shadowed(running, int(300 - dropped))
    assert Counter(row["role"] for row in rows) == {"stable": 300, "shadow": 300 - dropped}


async def test_a_request_for_the_shadow_is_answered_by_it_and_not_mirrored(
    running, begin, other
) -> None:
    await begin(running)
    answer = (await running.predict(headers={"X-Release-Role": "shadow"})).json()
    assert (answer["role"], answer["release_id"]) == ("shadow", other.release_id)
    (row,) = await running.logged()
    assert (row["role"], row["purpose"]) == ("shadow", "try")
    passport = (await running.ask("GET", f"/predictions/{answer['prediction_id']}")).json()
    assert (passport["record"]["role"], passport["shadow"]) == ("shadow", None)


async def test_a_passport_shows_the_shadow_and_search_the_answer(running, begin, other) -> None:
    await begin(running)
    answer = (await running.predict()).json()
    for uploaded in (False, True):
        if uploaded:
            await shadowed(running, 1)
        else:  # both are in the spool
            async with asyncio.timeout(20):
                while running.gateway.log.backlog[1] == 0 or not await both(running, answer):
                    await asyncio.sleep(0.01)
        passport = (await running.ask("GET", f"/predictions/{answer['prediction_id']}")).json()
        assert passport["record"]["role"] == "stable"
        assert passport["shadow"]["release_id"] == other.release_id
        assert passport["failed_canary"] is None
    page = (await running.ask("GET", "/predictions")).json()
    (found,) = page["predictions"]
    assert (found["role"], found["release_id"]) == ("stable", answer["release_id"])


async def both(running, answer) -> bool:
    passport = (await running.ask("GET", f"/predictions/{answer['prediction_id']}")).json()
    return passport["shadow"] is not None


async def test_a_passport_shows_a_canary_that_failed(
    running, candidates, releases, set_state
) -> None:
    canary = Canary(release_id="b" * 32, percent=99, change_id="c")
    set_state(
        running.store, "spam", STAGING, ServingState(stable=releases["spam"].id, canary=canary)
    )
    await running.gateway.catalog.refresh()
    answers = [
        (await running.predict(headers={"X-Routing-Key": str(number)})).json()
        for number in range(9)
    ]
    assert {answer["role"] for answer in answers} == {"stable"}
    await running.logged()
    failed = 0
    for answer in answers:
        passport = (await running.ask("GET", f"/predictions/{answer['prediction_id']}")).json()
        assert passport["record"]["role"] == "stable"
        failed += passport["failed_canary"] is not None
    assert failed >= 8
    assert len((await running.ask("GET", "/predictions")).json()["predictions"]) == 9


async def test_segments_are_sealed_sooner_while_a_shadow_serves(serve, begin) -> None:
    running = await serve(spool_trial_seconds=0.5)
    await running.predict()
    await begin(running)
    running.clock.advance(timedelta(seconds=1))
    async with asyncio.timeout(20):
        while list(running.spool.glob("*.log")):
            await asyncio.sleep(0.05)


async def test_the_gateway_says_which_entries_it_has_read(serve, set_state, releases) -> None:
    running = await serve()
    (written,) = await state_files(running, lambda state: state.entries["spam/staging"] == 1)
    assert written.entries["spam/production"] == 1
    assert written.entries["churn/staging"] == 0
    set_state(running.store, "spam", STAGING, ServingState(stable=releases["spam"].id))
    running.gateway.catalog.outdated()
    (again,) = await state_files(running, lambda state: state.entries["spam/staging"] == 2)
    assert again.gateway_id == written.gateway_id


async def state_files(running, ready) -> list[GatewayState]:
    async with asyncio.timeout(20):
        while True:
            blobs = list(running.store.list(GATEWAYS))
            states = [GatewayState.model_validate_json(running.store.read(b.path)) for b in blobs]
            if states and all(map(ready, states)):
                return states
            await asyncio.sleep(0.01)
