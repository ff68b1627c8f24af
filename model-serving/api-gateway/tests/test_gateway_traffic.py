"""`GET /traffic`: live answers of the last minutes."""

from datetime import datetime, timedelta

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import Canary, ServingState

EMPTY = {"answers": 0, "by_role": {}, "shadowed": 0, "canary_failures": 0, "newest": None}


async def traffic(running, **query):
    response = await running.ask("GET", "/traffic", "viewer", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_answers_are_counted_by_minute_and_role(running) -> None:
    await running.predict()
    running.clock.advance(timedelta(minutes=2))
    for _ in range(2):
        await running.predict()
    await running.predict(headers={"X-Purpose": "smoke"})
    await running.logged()
    shown = (await traffic(running, use_case="spam", minutes="5"))["spam"]["staging"]
    assert shown["per_minute"] == [0, 0, 1, 0, 2]
    assert (shown["answers"], shown["by_role"]) == (3, {"stable": 3})
    assert datetime.fromisoformat(shown["newest"]) == running.clock.now()
    assert shown["complete"]
    assert (await traffic(running, use_case="spam", minutes="2"))["spam"]["staging"]["answers"] == 2


async def test_without_traffic_the_count_is_0_and_the_newest_answer_unknown(running) -> None:
    shown = await traffic(running)
    assert set(shown) >= {"spam", "iris", "churn"}
    quiet = shown["churn"]["production"]
    assert {name: quiet[name] for name in EMPTY} == EMPTY
    assert quiet["per_minute"] == [0] * 60


async def test_a_canary_that_cannot_answer_is_counted(
    serve, releases, set_state, activate, blob_store
) -> None:
    running = await serve()
    canary = Canary(release_id="b" * 32, percent=99, change_id="c")
    state = ServingState(stable=releases["spam"].id, canary=canary)
    set_state(running.store, "spam", Environment.STAGING, state)
    await running.gateway.catalog.refresh()
    for number in range(5):
        await running.predict(headers={"X-Routing-Key": str(number)})
    await running.logged()
    shown = (await traffic(running, use_case="spam"))["spam"]["staging"]
    assert shown["by_role"]["stable"] == shown["answers"] == 5
    assert shown["canary_failures"] >= 4


@pytest.mark.parametrize("minutes", ["0", "1441", "-1", "ten", "1.5"])
async def test_a_period_that_is_none_is_422(running, minutes) -> None:
    response = await running.ask("GET", "/traffic", "viewer", params={"minutes": minutes})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-record")
    assert response.json()["errors"][0]["field"] == "minutes"
