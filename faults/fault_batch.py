"""Batch jobs that lose the Ray head or a worker under load."""

import time
from contextlib import ExitStack
from typing import Any

import httpx
import pyarrow as pa
from fault_drill import Drill, FaultOutcome, drill
from fault_testbed import KEYS, Testbed
from fault_traffic import USE_CASE

from platform_core.errors import UpstreamUnavailable
from platform_core.parquet import read_table, write_table
from platform_core.storage import checkpoints_folder
from platform_core.testing.ray_cluster import RayCluster, workers
from use_cases import use_case

ROWS, CHUNK_ROWS, MIN_CHUNKS = 4000, 10, 5
INVALID_ROWS = (7, 2000)
SECONDS = 180
SETTINGS = {"BATCH_SMALL_ROWS": "0", "BATCH_CHUNK_ROWS": str(CHUNK_ROWS)}
FINAL = ("succeeded", "failed", "cancelled")
ANSWER_SECONDS, RETRY_SECONDS = 30, 60
UNAVAILABLE = 503


async def ray_head(testbed: Testbed) -> FaultOutcome:
    """Kill the Ray head during a job; a new head resumes it."""
    with ExitStack() as stack:
        cluster = _cluster(testbed, stack)
        head = cluster.start()
        stack.enter_context(testbed.another_gateway(**_supervising(cluster)))
        async with drill(testbed, "kill-ray-head") as run:
            job = await _start_job(run, "head")
            run.broken()
            await run.during(lambda: cluster.kill(head))
            await run.during(cluster.start)
            await _wait_for_success(run, job)
            await run.recovered()
    return run.outcome


async def ray_worker(testbed: Testbed) -> FaultOutcome:
    """Kill the worker that scores a chunk; another worker scores it again."""
    with ExitStack() as stack:
        cluster = _cluster(testbed, stack)
        head = cluster.start()
        stack.enter_context(testbed.another_gateway(**_supervising(cluster)))
        async with drill(testbed, "kill-ray-worker") as run:
            job = await _start_job(run, "worker")
            run.broken()
            await run.until(lambda: _kill(head), "a worker to kill", SECONDS)
            await _wait_for_success(run, job)
            await run.recovered()
    return run.outcome


def _cluster(testbed: Testbed, stack: ExitStack) -> RayCluster:
    names = ("BLOB_STORE_URL", "AZURE_STORAGE_KEY")
    given = testbed.gateway_settings()
    settings = {**SETTINGS, **testbed.view.settings, **{name: given[name] for name in names}}
    return RayCluster(testbed.home / "ray", settings, stack)


def _supervising(cluster: RayCluster) -> dict[str, str]:
    return {**cluster.client_settings, "BATCH_SUPERVISE_SECONDS": "1"}


async def _start_job(run: Drill, name: str) -> dict[str, Any]:
    """Submit a job with a few invalid rows, and wait until it has stored some checkpoints."""
    testbed, paths = run.testbed, _paths(name)
    table = use_case(USE_CASE).training().generate(ROWS, 7)
    senders = table["sender"].to_pylist()
    for row in INVALID_ROWS:
        senders[row] = None
    column = table.schema.get_field_index("sender")
    mails = table.set_column(column, "sender", pa.array(senders, pa.string()))
    write_table(testbed.store, paths["input_path"], mails)
    answer = await run.during(lambda: _call(testbed, "POST", "submit", paths))
    folder = checkpoints_folder(answer["job_id"])
    await run.until(lambda: len(list(testbed.store.list(folder))) > MIN_CHUNKS, "chunks", SECONDS)
    return answer


async def _wait_for_success(run: Drill, job: dict[str, Any]) -> None:
    """Wait for the end of a job; the output must have each valid row once."""
    testbed, state = run.testbed, {}

    def ended() -> bool:
        state.update(_call(testbed, "GET", job["job_id"]))
        return state["status"] in FINAL

    await run.until(ended, "the end of the job", SECONDS)
    run.outcome.require(state["status"] == "succeeded", f"the job: {state}")
    if run.outcome.failures:
        return
    expected = [row for row in range(ROWS) if row not in INVALID_ROWS]
    ids = use_case(USE_CASE).training().generate(ROWS, 7)["email_id"].to_pylist()
    output = read_table(testbed.store, state["output_path"])["email_id"].to_pylist()
    aside = state["output_path"].removesuffix(".parquet") + ".invalid.parquet"
    invalid = read_table(testbed.store, aside).to_pylist()
    run.outcome.require(output == [ids[row] for row in expected], "rows were lost or duplicated")
    run.outcome.require(
        [x["row"] for x in invalid] == list(INVALID_ROWS), f"invalid rows: {invalid}"
    )
    run.outcome.require(all(x["reason"] for x in invalid), "an invalid row has no reason")
    run.outcome.require(
        state["rows_invalid"] == len(INVALID_ROWS), f"counted invalid rows: {state['rows_invalid']}"
    )
    run.outcome.notes.append(f"job: {len(output)} rows once each, {len(invalid)} invalid")


def _kill(head: Any) -> bool:
    victims = list(workers(head, "_score"))
    for victim in victims:
        victim.kill()
    return bool(victims)


def _paths(name: str) -> dict[str, str]:
    return {
        "input_path": f"batch/{name}/in.parquet",
        "output_path": f"batch/{name}/out.parquet",
        "use_case": USE_CASE,
    }


def _call(testbed: Testbed, method: str, path: str, body: Any = None) -> dict[str, Any]:
    url = f"http://127.0.0.1:{testbed.port}/batch/{path}"
    headers = {"X-API-Key": KEYS["admin"]}
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        answer = httpx.request(method, url, headers=headers, json=body, timeout=ANSWER_SECONDS)
        if answer.status_code != UNAVAILABLE or time.monotonic() > deadline:
            break
        time.sleep(int(answer.headers["retry-after"]))
    if answer.is_error:
        raise UpstreamUnavailable(f"{method} /batch/{path}: {answer.status_code} {answer.text}")
    return answer.json()
