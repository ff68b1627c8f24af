"""Limits: per key, in flight, and circuits of services that do not respond."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.auth.in_flight import InFlightSlots
from api_gateway.auth.keys import AccessRole, Caller
from api_gateway.auth.rate_limit import RateLimit
from api_gateway.errors import RateLimited
from api_gateway.routing.circuit import Circuit, CircuitLimits, CircuitOpen
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.errors import UpstreamUnavailable
from platform_core.open_inference.client import ServiceTimeout
from records import SegmentLimits, Spool
from records.log.segments import frame

SOMEBODY = Caller("somebody", AccessRole.OPERATOR)
PRODUCTION = {"X-Environment": "production"}


class Seconds:
    """A clock that is moved by hand."""

    value = 100.0

    def __call__(self) -> float:
        return self.value


async def statuses(running, count, **rest) -> list[int]:
    return [(await running.predict(**rest)).status_code for _ in range(count)]


async def test_a_key_may_have_its_own_limit_and_quota(serve, keys) -> None:
    running = await serve(rate_limit="100/day")
    running.write_keys(keys, operator={"rate_limit": "2/day"}, admin={"quota": "3/day"})
    assert await statuses(running, 3) == [200, 200, 429]
    assert await statuses(running, 4, role="admin") == [200, 200, 200, 429]
    # Who is shut out may be let in without a restart.
    running.write_keys(keys, operator={"rate_limit": "9/day"})
    assert await statuses(running, 1) == [200]


async def test_the_quota_of_the_settings_applies_in_addition_to_the_rate_limit(serve) -> None:
    running = await serve(rate_limit="100/day", quota="1/day")
    assert await statuses(running, 2) == [200, 429]


async def test_a_key_file_with_an_invalid_limit_keeps_the_previous_keys(running, keys) -> None:
    running.write_keys(keys, operator={"rate_limit": "a lot"})
    assert await statuses(running, 1) == [200]


async def test_a_window_ends_and_refused_requests_are_not_counted() -> None:
    now = Seconds()
    limit = RateLimit("2/second", "3/minute", now)
    for _ in range(2):
        await limit.admit(SOMEBODY)
    for _ in range(5):
        with pytest.raises(RateLimited, match="2 per 1 second"):
            await limit.admit(SOMEBODY)
    now.value += 1
    await limit.admit(SOMEBODY)
    with pytest.raises(RateLimited, match="3 per 1 minute") as refused:
        await limit.admit(SOMEBODY)
    assert refused.value.retry_after == 59
    await limit.admit(Caller("another", AccessRole.OPERATOR))


async def test_a_burst_above_the_in_flight_limit_is_told_to_retry(serve, v2) -> None:
    running = await serve(max_in_flight=8)
    v2.server.gate.clear()
    burst = [asyncio.create_task(running.predict()) for _ in range(30)]
    refused = 0
    while refused < 23 + 1:  # a place takes three quarters of the slots
        done, _ = await asyncio.wait(burst, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        refused = len(done)
        burst_pending = [task for task in burst if not task.done()]
        if refused < 24:
            await asyncio.wait(burst_pending, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert (await running.client.get("/health/live")).status_code == 200
    v2.server.gate.set()
    responses = await asyncio.gather(*burst)
    assert Counter(r.status_code for r in responses) == {200: 6, 503: 24}
    for response in responses:
        if response.status_code == 503:
            assert response.json()["code"] == "overloaded"
            assert int(response.headers["retry-after"]) >= 1
            assert response.headers["x-content-type-options"] == "nosniff"
    assert await statuses(running, 10) == [200] * 10


async def test_a_busy_key_leaves_room_for_another(serve, v2) -> None:
    running = await serve(max_in_flight=16)
    v2.server.gate.clear()
    greedy = [asyncio.create_task(running.predict()) for _ in range(40)]
    await asyncio.wait(greedy, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    modest = asyncio.create_task(running.predict(role="admin", headers=PRODUCTION))
    while sum(asked["inputs"][0]["shape"][0] for asked in v2.server.requests) <= 12:
        await asyncio.sleep(0.01)
    v2.server.gate.set()
    assert (await modest).status_code == 200
    assert 503 in {response.status_code for response in await asyncio.gather(*greedy)}


@given(
    limit=st.integers(2, 40),
    moves=st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=200),
)
def test_slots_are_limited_shared_and_never_lost(limit, moves) -> None:
    slots, held = InFlightSlots(limit), Counter()
    for takes, name in moves:
        if takes and slots.acquire(name):
            held[name] += 1
        elif not takes and held[name]:
            slots.release(name)
            held[name] -= 1
        assert held.total() <= limit
    for name in list(held.elements()):
        slots.release(name)
    assert [slots.acquire("a") for _ in range(limit + 1)].count(True) == limit - limit // 8


def test_of_several_keys_none_gets_more_than_its_share() -> None:
    slots = InFlightSlots(16)
    assert [slots.acquire("greedy") for _ in range(20)].count(True) == 14
    assert slots.acquire("modest")
    for _ in range(7):
        slots.release("greedy")
    assert [slots.acquire("greedy") for _ in range(5)].count(True) == 1
    assert [slots.acquire("modest") for _ in range(10)].count(True) == 7


def test_a_circuit_opens_allows_a_trial_call_and_closes() -> None:
    now = Seconds()
    circuit = Circuit(CircuitLimits(2, 10), now)
    for _ in range(2):
        circuit.enter()
        circuit.leave(ServiceTimeout("down"))
    with pytest.raises(CircuitOpen) as refused:
        circuit.enter()
    assert refused.value.retry_after == 10
    now.value += 10
    circuit.enter()
    with pytest.raises(CircuitOpen):
        circuit.enter()
    circuit.leave(ServiceTimeout("down"))
    with pytest.raises(CircuitOpen):
        circuit.enter()
    now.value += 10
    circuit.enter()
    circuit.leave(None)
    circuit.enter()
    circuit.enter()


def test_an_unusable_response_does_not_open_the_circuit() -> None:
    circuit = Circuit(CircuitLimits(1, 10))
    for _ in range(9):
        circuit.enter()
        circuit.leave(UpstreamUnavailable("not V2"))
    circuit.enter()


async def test_a_slow_service_is_not_called_and_the_other_environment_responds(
    serve, v2, releases, activate
) -> None:
    running = await serve(upstream_timeout_seconds=0.05, circuit_failures=3, circuit_seconds=600)
    for environment in Environment:
        activate(running.store, releases["spam"], environment)
    await running.gateway.catalog.refresh()

    async def slow() -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    v2.server.fault = slow
    assert await statuses(running, 3) == [503] * 3
    asked = len(v2.server.requests)
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert 590 <= int(response.headers["retry-after"]) <= 600
    assert len(v2.server.requests) == asked
    v2.server.fault = None
    assert await statuses(running, 1, headers=PRODUCTION) == [200]
    assert await statuses(running, 1) == [503]


def test_a_segment_is_sealed_although_the_clock_was_set_back(tmp_path) -> None:
    noon = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
    clock = ManualClock(noon)
    spool = Spool(tmp_path, SegmentLimits(9, timedelta(minutes=1), 1 << 20), clock)
    spool.append("iris", Environment.STAGING, noon, [frame(b"{}")])
    spool.seal_old()
    assert spool.sealed == ()
    clock.advance(timedelta(hours=-1))
    spool.seal_old()
    assert len(spool.sealed) == 1
    spool.close()
