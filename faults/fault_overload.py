"""Overload: accepted requests are answered in time, the others are told to retry."""

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles

import psutil
from fault_drill import Drill, FaultOutcome, check_records, drill
from fault_http import Connection
from fault_proxy import NO_FAULT, Fault
from fault_testbed import GREEDY_LIMIT, KEYS, Server, Testbed
from fault_traffic import ENVIRONMENTS, OK, SentRequest, Traffic, background_traffic

from platform_core.contracts.environments import Environment

STAGING = Environment.STAGING

IN_FLIGHT = 8
FULL = IN_FLIGHT * 3 // 4
"""Concurrent requests per environment: the load at which capacity is measured."""
SERVICE = Fault(seconds=0.02)
"""Latency of staging, so that concurrency is the limit and not the CPUs, which the load generator
shares."""
RATE_LIMITED, OVERLOADED = 429, 503
TIMES = 5
P99_TIMES = 3
SECONDS, QUICK_SECONDS = 6, 3
ROUNDS = 3
CONNECTIONS = 400
MEMORY_BYTES = 200 << 20
FLOOD = 96
"""Clients of one key, as many as the capacity: half of it is reserved for another key."""
MEBIBYTE = 1 << 20


async def overload(testbed: Testbed) -> FaultOutcome:
    """Offer five times the capacity; the best of up to three rounds counts."""
    seconds = QUICK_SECONDS if testbed.quick else SECONDS
    with testbed.another_gateway(MAX_IN_FLIGHT=str(IN_FLIGHT)) as server:
        testbed.slow.inject(SERVICE)
        try:
            for number in range(ROUNDS):
                outcome = await _round(testbed, server, f"overload{number}", seconds)
                if not outcome.failures:
                    break
        finally:
            testbed.slow.inject(NO_FAULT)
    return outcome


async def _round(testbed: Testbed, server: Server, name: str, seconds: float) -> FaultOutcome:
    process = psutil.Process(server.process.pid)
    normal = Traffic(testbed.port, KEYS["load"], testbed.answers, f"full{name}", pause=0)
    async with background_traffic(normal, FULL, batches=False, environments=[STAGING]):
        await asyncio.sleep(seconds)
    capacity, usual = len(normal.good) / seconds, _p99(normal.good)
    before = process.memory_info().rss
    traffic = Traffic(testbed.port, KEYS["load"], testbed.answers, name)
    await _offer(traffic, TIMES * capacity, seconds, [STAGING])
    grown = process.memory_info().rss - before
    outcome = FaultOutcome("overload")
    p99 = _p99(traffic.good)
    outcome.notes.append(
        f"capacity {capacity:.0f}/s, offered {len(traffic.sent) / seconds:.0f}/s, answered "
        f"{len(traffic.good) / seconds:.0f}/s; p99 {1000 * p99:.0f} ms, at full load "
        f"{1000 * usual:.0f} ms; memory +{grown / MEBIBYTE:.0f} MiB"
    )
    outcome.require(
        p99 <= P99_TIMES * usual,
        f"p99 of accepted requests is more than {P99_TIMES} times that of full load",
    )
    outcome.require(grown < MEMORY_BYTES, "memory grows")
    outcome.require(len(traffic.good) < len(traffic.sent), "no request was refused")
    outcome.require(all(s.status for s in traffic.sent), "connections failed")
    await asyncio.to_thread(check_records, testbed, traffic, outcome)
    return outcome


async def fairness(testbed: Testbed) -> FaultOutcome:
    """Two keys that exceed their share in different ways, and a third one that is unaffected."""
    with testbed.another_gateway(MAX_IN_FLIGHT=str(FLOOD)):
        async with drill(testbed, "fairness-between-keys", clients=2) as run:
            run.broken()
            greedy = Traffic(testbed.port, KEYS["greedy"], testbed.answers, "greedy")
            seconds = QUICK_SECONDS if testbed.quick else SECONDS
            await _offer(greedy, TIMES * GREEDY_LIMIT, seconds)
            flood = Traffic(testbed.port, KEYS["modest"], testbed.answers, "flood", pause=0)
            async with background_traffic(flood, FLOOD):
                await asyncio.sleep(seconds)
            await run.recovered()
    _check_greedy(run, greedy, seconds)
    run.outcome.require(any(s.status != OK for s in flood.sent), "the flood was not limited")
    run.outcome.require(run.outcome.refused == 0, "the modest key was refused")
    run.outcome.failures += [f"wrong: {x}" for x in (*greedy.wrong, *flood.wrong)[:3]]
    return run.outcome


def _check_greedy(run: Drill, greedy: Traffic, seconds: float) -> None:
    allowed = GREEDY_LIMIT * (seconds + 2)
    statuses = {sent.status for sent in greedy.sent}
    expected = {OK, RATE_LIMITED, OVERLOADED}
    run.outcome.require(
        len(greedy.good) <= allowed, f"{len(greedy.good)} responses, {allowed} are allowed"
    )
    run.outcome.require(RATE_LIMITED in statuses <= expected, f"statuses {statuses}")
    run.outcome.notes.append(f"greedy key: {len(greedy.good)} of {len(greedy.sent)} answered")


async def _offer(
    traffic: Traffic,
    rate: float,
    seconds: float,
    environments: Sequence[Environment] = ENVIRONMENTS,
) -> None:
    """Send `rate` requests per second without waiting for responses."""
    idle = [Connection(traffic.port) for _ in range(CONNECTIONS)]
    connections = tuple(idle)
    rows, tasks = len(traffic.answers.rows), set()

    async def one(number: int, connection: Connection) -> None:
        await traffic.send(connection, environments[number % len(environments)], [number % rows])
        idle.append(connection)

    begin = time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        while not idle:
            await asyncio.sleep(0.001)
        task = asyncio.create_task(one(number, idle.pop()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for connection in connections:
        connection.close()


def _p99(sent: Sequence[SentRequest]) -> float:
    return quantiles([one.end - one.start for one in sent], n=100)[98]
