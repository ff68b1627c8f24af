"""`kill -9` of every program and server."""

import asyncio
from functools import partial

import httpx
from fault_drill import Drill, FaultOutcome, drill, undegraded
from fault_testbed import Server, Testbed
from fault_traffic import BATCH, CLIENTS

from platform_core.contracts.environments import Environment
from platform_core.testing.processes import free_port
from platform_core.testing.servers import mlflow_in

ANSWER_SECONDS = 30
STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


async def gateway(testbed: Testbed) -> FaultOutcome:
    """Kill the gateway while it answers; its successor takes over the spool."""
    async with drill(testbed, "kill-gateway", extra=CLIENTS * BATCH) as run:
        await _kill_and_restart(run, testbed.servers["gateway"])
    return run.outcome


async def inference_service(testbed: Testbed) -> FaultOutcome:
    """Kill the inference service of staging; production is unaffected."""
    async with drill(testbed, "kill-inference-service") as run:
        await _kill_and_restart(run, testbed.servers["staging"])
    run.outcome.require(run.refusals(PRODUCTION) == 0, "production was affected")
    return run.outcome


async def transformer(testbed: Testbed) -> FaultOutcome:
    """Kill the transformer of production; staging is unaffected."""
    async with drill(testbed, "kill-transformer") as run:
        await _kill_and_restart(run, testbed.servers["transformer"])
    run.outcome.require(run.refusals(STAGING) == 0, "staging was affected")
    return run.outcome


async def predictor(testbed: Testbed) -> FaultOutcome:
    """Kill the predictor of production; staging is unaffected."""
    async with drill(testbed, "kill-predictor") as run:
        await _kill_and_restart(run, testbed.servers["predictor"])
    run.outcome.require(run.refusals(STAGING) == 0, "staging was affected")
    return run.outcome


async def redis(testbed: Testbed) -> FaultOutcome:
    """Kill Redis: predictions continue with unknown entities, marked as degraded."""
    async with drill(testbed, "kill-redis") as run:
        server = testbed.servers["redis"]
        run.broken()
        await run.during(server.kill)
        await run.settle()
        degraded = sum(sent.degraded for sent in run.traffic.good)
        await run.during(server.restart)
        await undegraded(run)
    run.outcome.require(degraded > 0, "no prediction is marked as degraded")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    run.outcome.notes.append(f"{degraded} degraded predictions")
    return run.outcome


async def azurite(testbed: Testbed) -> FaultOutcome:
    """Kill the blob store: predictions continue, their records wait on disk."""
    async with drill(testbed, "kill-azurite") as run:
        server = testbed.servers["azurite"]
        run.broken()
        await run.during(server.kill)
        await run.settle()
        await run.during(server.restart)
        await run.recovered()
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def mlflow(testbed: Testbed) -> FaultOutcome:
    """Kill the MLflow server: serving is unaffected, and no experiment is lost."""
    port = free_port()
    server = Server(partial(mlflow_in, testbed.home / "mlflow", port))
    url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments"
    await asyncio.to_thread(server.start)
    try:
        created = httpx.post(f"{url}/create", json={"name": "drill"}, timeout=ANSWER_SECONDS)
        async with drill(testbed, "kill-mlflow") as run:
            run.broken()
            await run.during(server.kill)
            await run.settle()
            await run.during(server.restart)
            await run.recovered()
        query = {"experiment_name": "drill"}
        found = httpx.get(f"{url}/get-by-name", params=query, timeout=ANSWER_SECONDS)
    finally:
        await asyncio.to_thread(server.stop)
    kept = found.json().get("experiment", {}).get("experiment_id")
    run.outcome.require(kept == created.json()["experiment_id"], "MLflow lost an experiment")
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def _kill_and_restart(run: Drill, server: Server) -> None:
    run.broken()
    await run.during(server.kill)
    await run.during(server.restart)
    await run.recovered()
