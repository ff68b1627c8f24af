"""More than can be done: what is taken on is done in time, the rest is told to come again."""

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles

import psutil
from fault_drill import Drill, Outcome, balance, drill
from fault_http import Caller
from fault_proxy import NONE, Fault
from fault_stand import GREEDY_LIMIT, KEYS, Stand, Unit
from fault_traffic import OK, PLACES, Sent, Traffic, flowing

from platform_core.contracts.environments import Environment

STAGING = Environment.STAGING

IN_FLIGHT = 8
FULL = IN_FLIGHT * 3 // 4
"""So many requests may wait for one place: the load at which capacity is measured."""
SERVICE = Fault(seconds=0.02)
"""Staging takes so long: the bound is what is in flight, not the processors, which the load
generator shares."""
RATE_LIMITED, OVERLOADED = 429, 503
TIMES = 5
P99_TIMES = 3
SECONDS, QUICK_SECONDS = 6, 3
ROUNDS = 3
CONNECTIONS = 400
MEMORY_BYTES = 200 << 20
FLOOD = 96
"""Callers of one key, as many as there are slots: half of them are for another key."""
MEBIBYTE = 1 << 20


async def overload(stand: Stand) -> Outcome:
    """Offer five times of what can be done; the best of up to three rounds counts."""
    seconds = QUICK_SECONDS if stand.quick else SECONDS
    with stand.another_gateway(MAX_IN_FLIGHT=str(IN_FLIGHT)) as unit:
        stand.slow.misbehave(SERVICE)
        try:
            for number in range(ROUNDS):
                outcome = await _round(stand, unit, f"overload{number}", seconds)
                if not outcome.failures:
                    break
        finally:
            stand.slow.misbehave(NONE)
    return outcome


async def _round(stand: Stand, unit: Unit, name: str, seconds: float) -> Outcome:
    process = psutil.Process(unit.process.pid)
    normal = Traffic(stand.port, KEYS["load"], stand.answers, f"usual{name}", pause=0)
    async with flowing(normal, FULL, batches=False, places=[STAGING]):
        await asyncio.sleep(seconds)
    capacity, usual = len(normal.good) / seconds, _p99(normal.good)
    before = process.memory_info().rss
    traffic = Traffic(stand.port, KEYS["load"], stand.answers, name)
    await _offer(traffic, TIMES * capacity, seconds, [STAGING])
    grown = process.memory_info().rss - before
    outcome = Outcome("overload")
    p99 = _p99(traffic.good)
    outcome.notes.append(
        f"capacity {capacity:.0f}/s, offered {len(traffic.sent) / seconds:.0f}/s, answered "
        f"{len(traffic.good) / seconds:.0f}/s; p99 {1000 * p99:.0f} ms, at full load "
        f"{1000 * usual:.0f} ms; memory +{grown / MEBIBYTE:.0f} MiB"
    )
    outcome.require(p99 <= P99_TIMES * usual, f"p99 of what is accepted is over {P99_TIMES} times")
    outcome.require(grown < MEMORY_BYTES, "memory grows")
    outcome.require(len(traffic.good) < len(traffic.sent), "nothing was refused")
    outcome.require(all(s.status for s in traffic.sent), "connections broke")
    await asyncio.to_thread(balance, stand, traffic, outcome)
    return outcome


async def fairness(stand: Stand) -> Outcome:
    """Two keys that want too much, each in its way, and a modest one that notices neither."""
    with stand.another_gateway(MAX_IN_FLIGHT=str(FLOOD)):
        async with drill(stand, "fairness-between-keys", clients=2) as run:
            run.broken()
            greedy = Traffic(stand.port, KEYS["greedy"], stand.answers, "greedy")
            seconds = QUICK_SECONDS if stand.quick else SECONDS
            await _offer(greedy, TIMES * GREEDY_LIMIT, seconds)
            flood = Traffic(stand.port, KEYS["modest"], stand.answers, "flood", pause=0)
            async with flowing(flood, FLOOD):
                await asyncio.sleep(seconds)
            await run.recovered()
    _judge_greedy(run, greedy, seconds)
    run.outcome.require(any(s.status != OK for s in flood.sent), "the flood was not bounded")
    run.outcome.require(run.outcome.refused == 0, "the modest key was refused")
    run.outcome.failures += [f"wrong: {x}" for x in (*greedy.wrong, *flood.wrong)[:3]]
    return run.outcome


def _judge_greedy(run: Drill, greedy: Traffic, seconds: float) -> None:
    allowed = GREEDY_LIMIT * (seconds + 2)
    statuses = {sent.status for sent in greedy.sent}
    expected = {OK, RATE_LIMITED, OVERLOADED}
    run.outcome.require(len(greedy.good) <= allowed, f"{len(greedy.good)} answers of {allowed}")
    run.outcome.require(RATE_LIMITED in statuses <= expected, f"statuses {statuses}")
    run.outcome.notes.append(f"greedy key: {len(greedy.good)} of {len(greedy.sent)} answered")


async def _offer(
    traffic: Traffic, rate: float, seconds: float, places: Sequence[Environment] = PLACES
) -> None:
    """Send `rate` requests a second, whatever becomes of those before."""
    idle = [Caller(traffic.port) for _ in range(CONNECTIONS)]
    everybody = tuple(idle)
    rows, tasks = len(traffic.answers.rows), set()

    async def one(number: int, caller: Caller) -> None:
        await traffic.ask(caller, places[number % len(places)], [number % rows])
        idle.append(caller)

    begin = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        while not idle:
            await asyncio.sleep(0.001)
        task = asyncio.create_task(one(number, idle.pop()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for caller in everybody:
        caller.close()


def _p99(sent: Sequence[Sent]) -> float:
    return quantiles([one.end - one.start for one in sent], n=100)[98]
