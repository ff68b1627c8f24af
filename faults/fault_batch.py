"""A batch job that loses its Ray head, and one that loses a worker, while requests are answered."""

import time
from contextlib import ExitStack
from typing import Any

import httpx
import pyarrow as pa
from fault_drill import Drill, Outcome, drill
from fault_stand import KEYS, Stand
from fault_traffic import USE_CASE

from platform_core.contracts.batch_job import checkpoints_folder
from platform_core.errors import UpstreamUnavailable
from platform_core.parquet import read_table, write_table
from platform_core.testing.ray_cluster import RayCluster, workers
from use_cases import use_case

ROWS, CHUNK_ROWS, BEGUN = 4000, 10, 5
BROKEN = (7, 2000)
SECONDS = 180
SETTINGS = {"BATCH_SMALL_ROWS": "0", "BATCH_CHUNK_ROWS": str(CHUNK_ROWS)}
FINAL = ("succeeded", "failed", "cancelled")
ANSWER_SECONDS, PATIENCE_SECONDS = 30, 60
UNAVAILABLE = 503


async def ray_head(stand: Stand) -> Outcome:
    """Kill the Ray head in the middle of a job; another head goes on with it."""
    with ExitStack() as stack:
        cluster = _cluster(stand, stack)
        head = cluster.start()
        stack.enter_context(stand.another_gateway(**_supervising(cluster)))
        async with drill(stand, "kill-ray-head") as run:
            job = await _begun(run, "head")
            run.broken()
            await run.during(lambda: cluster.kill(head))
            await run.during(cluster.start)
            await _succeeded(run, job)
            await run.recovered()
    return run.outcome


async def ray_worker(stand: Stand) -> Outcome:
    """Kill what scores a chunk; the chunk is scored by another."""
    with ExitStack() as stack:
        cluster = _cluster(stand, stack)
        head = cluster.start()
        stack.enter_context(stand.another_gateway(**_supervising(cluster)))
        async with drill(stand, "kill-ray-worker") as run:
            job = await _begun(run, "worker")
            run.broken()
            await run.until(lambda: _kill(head), "a worker to kill", SECONDS)
            await _succeeded(run, job)
            await run.recovered()
    return run.outcome


def _cluster(stand: Stand, stack: ExitStack) -> RayCluster:
    names = ("BLOB_STORE_URL", "AZURE_STORAGE_KEY")
    given = stand.gateway_settings()
    settings = {**SETTINGS, **stand.view.settings, **{name: given[name] for name in names}}
    return RayCluster(stand.home / "ray", settings, stack)


def _supervising(cluster: RayCluster) -> dict[str, str]:
    return {**cluster.client_settings, "BATCH_SUPERVISE_SECONDS": "1"}


async def _begun(run: Drill, name: str) -> dict[str, Any]:
    """Submit a job with a few invalid rows, and wait until it has kept some of its chunks."""
    stand, paths = run.stand, _paths(name)
    table = use_case(USE_CASE).training().generate(ROWS, 7)
    senders = table["sender"].to_pylist()
    for row in BROKEN:
        senders[row] = None
    column = table.schema.get_field_index("sender")
    mails = table.set_column(column, "sender", pa.array(senders, pa.string()))
    write_table(stand.store, paths["input_path"], mails)
    answer = await run.during(lambda: _call(stand, "POST", "submit", paths))
    folder = checkpoints_folder(answer["job_id"])
    await run.until(lambda: len(list(stand.store.list(folder))) > BEGUN, "chunks", SECONDS)
    return answer


async def _succeeded(run: Drill, job: dict[str, Any]) -> None:
    """Wait for the end of a job; each row must have come out once, the invalid ones aside."""
    stand, state = run.stand, {}

    def ended() -> bool:
        state.update(_call(stand, "GET", job["job_id"]))
        return state["status"] in FINAL

    await run.until(ended, "the end of the job", SECONDS)
    run.outcome.require(state["status"] == "succeeded", f"the job: {state}")
    if run.outcome.failures:
        return
    expected = [row for row in range(ROWS) if row not in BROKEN]
    ids = use_case(USE_CASE).training().generate(ROWS, 7)["email_id"].to_pylist()
    output = read_table(stand.store, state["output_path"])["email_id"].to_pylist()
    aside = state["output_path"].removesuffix(".parquet") + ".invalid.parquet"
    invalid = read_table(stand.store, aside).to_pylist()
    run.outcome.require(output == [ids[row] for row in expected], "rows were lost or doubled")
    run.outcome.require([x["row"] for x in invalid] == list(BROKEN), f"set aside: {invalid}")
    run.outcome.require(all(x["reason"] for x in invalid), "set aside without a reason")
    run.outcome.require(state["rows_invalid"] == len(BROKEN), f"counted: {state['rows_invalid']}")
    run.outcome.notes.append(f"job: {len(output)} rows once each, {len(invalid)} set aside")


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


def _call(stand: Stand, method: str, path: str, body: Any = None) -> dict[str, Any]:
    url = f"http://127.0.0.1:{stand.port}/batch/{path}"
    headers = {"X-API-Key": KEYS["admin"]}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = httpx.request(method, url, headers=headers, json=body, timeout=ANSWER_SECONDS)
        if answer.status_code != UNAVAILABLE or time.monotonic() > deadline:
            break
        time.sleep(int(answer.headers["retry-after"]))
    if answer.is_error:
        raise UpstreamUnavailable(f"{method} /batch/{path}: {answer.status_code} {answer.text}")
    return answer.json()
