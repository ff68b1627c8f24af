"""`kill -9` of every program and server."""

import asyncio
from functools import partial

import httpx
from fault_drill import Drill, Outcome, drill, undegraded
from fault_stand import Stand, Unit
from fault_traffic import BATCH, CLIENTS

from platform_core.contracts.environments import Environment
from platform_core.testing.processes import free_port
from platform_core.testing.servers import mlflow_in

ANSWER_SECONDS = 30
STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


async def gateway(stand: Stand) -> Outcome:
    """Kill the gateway in the middle of its answers; another takes over the spool."""
    async with drill(stand, "kill-gateway", extra=CLIENTS * BATCH) as run:
        await _kill_and_restart(run, stand.units["gateway"])
    return run.outcome


async def inference_service(stand: Stand) -> Outcome:
    """Kill what staging is; production answers on."""
    async with drill(stand, "kill-inference-service") as run:
        await _kill_and_restart(run, stand.units["staging"])
    run.outcome.require(run.refusals(PRODUCTION) == 0, "production was disturbed")
    return run.outcome


async def transformer(stand: Stand) -> Outcome:
    """Kill the transformer in front of production's predictor; staging answers on."""
    async with drill(stand, "kill-transformer") as run:
        await _kill_and_restart(run, stand.units["transformer"])
    run.outcome.require(run.refusals(STAGING) == 0, "staging was disturbed")
    return run.outcome


async def predictor(stand: Stand) -> Outcome:
    """Kill the predictor behind production's transformer; staging answers on."""
    async with drill(stand, "kill-predictor") as run:
        await _kill_and_restart(run, stand.units["predictor"])
    run.outcome.require(run.refusals(STAGING) == 0, "staging was disturbed")
    return run.outcome


async def redis(stand: Stand) -> Outcome:
    """Kill Redis: answers go on with unknown entities, and say that they are degraded."""
    async with drill(stand, "kill-redis") as run:
        unit = stand.units["redis"]
        run.broken()
        await run.during(unit.kill)
        await run.settle()
        degraded = sum(sent.degraded for sent in run.traffic.good)
        await run.during(unit.restart)
        await undegraded(run)
    run.outcome.require(degraded > 0, "no answer says that it is degraded")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    run.outcome.notes.append(f"{degraded} answers degraded")
    return run.outcome


async def azurite(stand: Stand) -> Outcome:
    """Kill the blob store: answers go on, their records wait on disk."""
    async with drill(stand, "kill-azurite") as run:
        unit = stand.units["azurite"]
        run.broken()
        await run.during(unit.kill)
        await run.settle()
        await run.during(unit.restart)
        await run.recovered()
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def mlflow(stand: Stand) -> Outcome:
    """Kill the MLflow server: serving does not care, and what it held is there again."""
    port = free_port()
    unit = Unit(partial(mlflow_in, stand.home / "mlflow", port))
    url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments"
    await asyncio.to_thread(unit.start)
    try:
        made = httpx.post(f"{url}/create", json={"name": "drill"}, timeout=ANSWER_SECONDS)
        async with drill(stand, "kill-mlflow") as run:
            run.broken()
            await run.during(unit.kill)
            await run.settle()
            await run.during(unit.restart)
            await run.recovered()
        query = {"experiment_name": "drill"}
        found = httpx.get(f"{url}/get-by-name", params=query, timeout=ANSWER_SECONDS)
    finally:
        await asyncio.to_thread(unit.stop)
    kept = found.json().get("experiment", {}).get("experiment_id")
    run.outcome.require(kept == made.json()["experiment_id"], "MLflow lost what it held")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def _kill_and_restart(run: Drill, unit: Unit) -> None:
    run.broken()
    await run.during(unit.kill)
    await run.during(unit.restart)
    await run.recovered()
