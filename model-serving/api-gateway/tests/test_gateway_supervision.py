"""Batch jobs whose run died: run again, as often as is allowed, by one gateway of many."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from platform_core.adapters.job_runner.memory import MemoryJobRunner
from platform_core.batch import (
    SUMMARY_KEY,
    BatchProgress,
    BatchSummary,
    JobObjects,
    JobStatus,
    JobSupervisor,
)
from platform_core.contracts.environments import Environment
from platform_core.errors import UpstreamUnavailable
from platform_core.parquet import write_table
from platform_core.ports.job_runner import RunnerState
from platform_core.storage import OPEN_JOBS, SUCCESS, cancel_path, checkpoints_folder, progress_path

INPUT = "batch/in.parquet"
MAX_ATTEMPTS = 3
DIED = pytest.mark.parametrize("died", [RunnerState.FAILED, RunnerState.UNKNOWN])


class Switchable(MemoryJobRunner):
    """A cluster that can be down for submissions, or for everything."""

    takes_jobs = True
    reachable = True

    def submit(self, job_id, command, environment):
        self._require(self.takes_jobs)
        super().submit(job_id, command, environment)

    def state(self, job_id):
        self._require(self.reachable)
        return super().state(job_id)

    def _require(self, up):
        if not up:
            raise UpstreamUnavailable("the cluster is down")


@pytest.fixture
async def ready(serve, releases, activate):
    running = await serve(runner=Switchable(), batch_max_attempts=MAX_ATTEMPTS)
    running.store.write(INPUT, b"rows")
    activate(running.store, releases["spam"], Environment.STAGING)
    return running


async def submitted(running, output="batch/out") -> str:
    body = {"input_path": INPUT, "output_path": output}
    response = await running.ask("POST", "/batch/submit", json=body)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


async def state(running, job_id) -> dict:
    return (await running.ask("GET", f"/batch/{job_id}", "viewer")).json()


def write(running, job_id, **progress) -> None:
    document = BatchProgress(**progress).model_dump_json().encode()
    running.store.write(progress_path(job_id), document)


def begin(running, job_id, number=1) -> str:
    """Do what the run of an attempt does first; return its name."""
    assert JobObjects(running.store, job_id).claim(number)
    name = job_id if number == 1 else f"{job_id}-{number}"
    running.runner.move(name, RunnerState.RUNNING)
    return name


def die(running, name, how) -> None:
    if how is RunnerState.UNKNOWN:
        running.runner.forget()
    else:
        running.runner.move(name, how)


def look(running) -> None:
    running.gateway.jobs.supervisor.check_jobs()


def open_jobs(running) -> list[str]:
    return [blob.path.rpartition("/")[2] for blob in running.store.list(OPEN_JOBS)]


@DIED
async def test_a_job_whose_run_died_gets_the_next_attempt(ready, died) -> None:
    job_id = await submitted(ready)
    write(ready, job_id, status=JobStatus.RUNNING, rows_total=200, rows_done=50)
    die(ready, begin(ready, job_id), died)
    look(ready)
    command = ready.runner.jobs[f"{job_id}-2"].command
    assert command == f"python -m batch_inference {job_id} --attempt 2"
    answer = await state(ready, job_id)
    assert (answer["status"], answer["progress"], answer["error"]) == ("running", 25, None)


@DIED
async def test_reading_the_status_starts_the_next_attempt(ready, died) -> None:
    job_id = await submitted(ready)
    die(ready, begin(ready, job_id), died)
    assert (await state(ready, job_id))["status"] == "submitted"
    assert f"{job_id}-2" in ready.runner.jobs


async def test_a_running_or_pending_job_is_left_alone(ready) -> None:
    job_id = await submitted(ready)
    look(ready)
    begin(ready, job_id)
    look(ready)
    assert list(ready.runner.jobs) == [job_id]
    assert open_jobs(ready) == [job_id]


async def test_a_run_that_never_started_is_submitted_again_as_the_same_attempt(ready) -> None:
    job_id = await submitted(ready)
    for _ in range(MAX_ATTEMPTS + 1):
        ready.runner.forget()
        look(ready)
        assert list(ready.runner.jobs) == [job_id]


async def test_attempts_are_bounded_and_the_last_error_is_reported(ready) -> None:
    job_id = await submitted(ready)
    for number in range(1, MAX_ATTEMPTS + 1):
        name = begin(ready, job_id, number)
        write(ready, job_id, status=JobStatus.RUNNING, rows_done=3, error="lost its workers")
        ready.store.write(f"{checkpoints_folder(job_id)}/x.parquet", b"rows")
        ready.runner.move(name, RunnerState.FAILED)
        look(ready)
    answer = await state(ready, job_id)
    assert answer["status"] == "failed"
    assert "interrupted 3 times" in answer["error"]
    assert "lost its workers" in answer["error"]
    assert answer["finished_at"] is not None
    assert len(ready.runner.jobs) == MAX_ATTEMPTS
    assert list(ready.store.list(checkpoints_folder(job_id))) == []
    # A run that comes back finds that it may not write.
    assert JobObjects(ready.store, job_id).superseded(MAX_ATTEMPTS)
    look(ready)
    assert open_jobs(ready) == []
    assert await submitted(ready) != job_id


async def test_of_concurrent_supervisors_one_starts_the_next_attempt(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    others = [JobSupervisor(ready.store, ready.runner, ready.clock, MAX_ATTEMPTS) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        await asyncio.to_thread(lambda: list(pool.map(lambda other: other.check_jobs(), others)))
    assert sorted(ready.runner.jobs) == [job_id, f"{job_id}-2"]
    newest = JobObjects(ready.store, job_id).newest_attempt()
    assert newest is not None and newest.number == 2


async def test_cancelled_while_its_run_is_dead(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    response = await ready.ask("DELETE", f"/batch/{job_id}")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    look(ready)
    assert list(ready.runner.jobs) == [job_id]
    assert JobObjects(ready.store, job_id).superseded(1)
    assert open_jobs(ready) == []


async def test_cancelled_while_the_cluster_is_down(ready) -> None:
    job_id = await submitted(ready)
    begin(ready, job_id)
    ready.runner.reachable = False
    response = await ready.ask("DELETE", f"/batch/{job_id}")
    assert response.status_code == 202
    assert (await state(ready, job_id))["status"] == "submitted"
    ready.runner.reachable = True
    ready.runner.forget()
    look(ready)
    assert (await state(ready, job_id))["status"] == "cancelled"
    assert ready.runner.jobs == {}


async def test_cancelled_while_it_is_run_again(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    look(ready)
    assert (await ready.ask("DELETE", f"/batch/{job_id}")).status_code == 202
    assert ready.runner.state(f"{job_id}-2") is RunnerState.STOPPED
    assert ready.store.exists(cancel_path(job_id))
    assert (await state(ready, job_id))["status"] == "cancelled"


async def test_stopping_a_run_in_the_ray_dashboard_cancels_the_job(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.STOPPED)
    assert (await state(ready, job_id))["status"] == "cancelled"


@pytest.mark.parametrize("output", ["batch/out", "batch/out.parquet"])
async def test_a_complete_output_is_success_even_if_the_run_died(ready, output) -> None:
    job_id = await submitted(ready, output)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    summary = BatchSummary(job_id=job_id, rows_total=9, rows_invalid=2).model_dump_json()
    ready.store.write(f"batch/out/{SUCCESS}", summary.encode())
    write_table(ready.store, "batch/out.parquet", _marked(summary))
    await ready.ask("DELETE", f"/batch/{job_id}")
    answer = await state(ready, job_id)
    assert (answer["status"], answer["progress"]) == ("succeeded", 100)
    assert (answer["rows_total"], answer["rows_done"], answer["rows_invalid"]) == (9, 9, 2)


async def test_a_decided_end_is_written_later(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.STOPPED)
    look(ready)
    ready.store.delete(progress_path(job_id))
    assert (await state(ready, job_id))["status"] == "cancelled"


async def test_a_cluster_that_takes_no_jobs_costs_no_attempt(ready) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    ready.runner.takes_jobs = False
    for _ in range(MAX_ATTEMPTS):
        look(ready)
    ready.runner.takes_jobs = True
    look(ready)
    assert sorted(ready.runner.jobs) == [job_id, f"{job_id}-2"]


async def test_a_new_gateway_supervises_existing_jobs(ready, serve, tmp_path) -> None:
    job_id = await submitted(ready)
    ready.runner.move(begin(ready, job_id), RunnerState.FAILED)
    await serve(runner=ready.runner, spool_folder=tmp_path / "other")
    async with asyncio.timeout(10):
        while f"{job_id}-2" not in ready.runner.jobs:
            await asyncio.sleep(0.01)


async def test_a_deleted_job_is_no_longer_supervised(ready) -> None:
    job_id = await submitted(ready)
    for blob in list(ready.store.list(f"batch/_jobs/{job_id}")):
        ready.store.delete(blob.path)
    look(ready)
    assert open_jobs(ready) == []


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
async def test_the_side_file_of_a_job_without_output_may_be_replaced(ready, status) -> None:
    job_id = await submitted(ready)
    write(ready, job_id, status=status)
    summary = BatchSummary(job_id=job_id, rows_total=9, rows_invalid=9).model_dump_json()
    write_table(ready.store, "batch/out.invalid.parquet", _marked(summary))
    write_table(ready.store, "batch/kept.invalid.parquet", _marked(summary))
    assert await submitted(ready) != job_id
    body = {"input_path": INPUT, "output_path": "batch/kept"}
    response = await ready.ask("POST", "/batch/submit", json=body)
    assert "kept.invalid.parquet exists already" in response.text


async def test_the_side_file_of_a_job_that_succeeded_stays(ready) -> None:
    job_id = await submitted(ready)
    write(ready, job_id, status=JobStatus.SUCCEEDED)
    summary = BatchSummary(job_id=job_id, rows_total=9, rows_invalid=9).model_dump_json()
    write_table(ready.store, "batch/out.invalid.parquet", _marked(summary))
    body = {"input_path": INPUT, "output_path": "batch/out"}
    response = await ready.ask("POST", "/batch/submit", json=body)
    assert "out.invalid.parquet exists already" in response.text


def _marked(summary: str) -> pa.Table:
    return pa.table({"row": [1]}).replace_schema_metadata({SUMMARY_KEY: summary})
