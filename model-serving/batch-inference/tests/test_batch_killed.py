"""Jobs whose processes are killed for real, wherever that may happen: every row comes out once."""

import json
import signal
import subprocess
import sys

import psutil
import pyarrow as pa
import pytest

from platform_core.batch import BatchProgress, JobStatus
from platform_core.parquet import read_table, write_table
from platform_core.storage import checkpoints_folder, progress_path
from platform_core.testing.machine import child_environment
from platform_core.testing.processes import wait_until
from platform_core.testing.ray_cluster import kill, workers

END_SECONDS = 60
ROWS, CHUNK_ROWS, BROKEN = 50, 10, (3, 41)
# A process whose blob store kills it before or after one call. It forks for every job, so that
# Python and its libraries are loaded once.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from batch_inference.executors import LocalExecutor
from batch_inference.job import run_job
from batch_inference.services import Services
from batch_inference.settings import BatchSettings
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock

class Deadly:
    def __init__(self, store, point):
        self.store, self.point = store, point

    def __getattr__(self, method):
        call, (when, deadly, name) = getattr(self.store, method), self.point

        def wrapped(*arguments):
            hit = method == deadly and any(name in str(value) for value in arguments[-2:])
            if hit and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments)
            if hit:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

for job_id, point in json.loads(sys.argv[2]).items():
    child = os.fork()
    if child == 0:
        store = Deadly(LocalBlobStore(Path(sys.argv[1])), point)
        settings = BatchSettings(batch_chunk_rows=int(sys.argv[3]))
        local = LocalExecutor()
        run_job(job_id, Services(store, SystemClock(), settings, None, local, local))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
        sys.exit(f"{job_id} was not killed {point}")
"""
EVERYWHERE = [
    ("after", "create", "000001.claim"),
    ("after", "write", "progress.json"),
    ("after", "create", "input.json"),
    ("after", "create", "000000000000000-10-1-0.invalid.parquet"),
    ("after", "create", "000000000000000-10-1-0.parquet"),
    ("after", "create", "000000000000040-10-1-0.parquet"),
    ("before", "upload", ".invalid.parquet"),
    ("after", "upload", ".invalid.parquet"),
    ("after", "delete", "000000000000020-10-0-0.parquet"),
]
# Keyed by how the output's path ends.
POINTS = {
    ".parquet": [*EVERYWHERE, ("before", "upload", "/out"), ("after", "upload", "/out")],
    "": [("after", "write", "part-00001"), ("before", "write", "_S"), ("after", "write", "_S")],
}


@pytest.fixture
def table(records):
    rows = records("iris", ROWS).to_pylist()
    for number in BROKEN:
        rows[number]["petal_width"] = None
    return pa.Table.from_pylist(rows)


def valid_rows(store, output):
    names = [blob.path for blob in store.list(output)] or [output]
    parts = [read_table(store, name) for name in names if name.endswith(".parquet")]
    return pa.concat_tables(parts)["row"].to_pylist()


@pytest.mark.parametrize("ending", POINTS)
def test_a_job_killed_at_any_point_completes_in_the_next_attempt(
    ending, blob_store, make_release, submit, table, run, tmp_path
):
    write_table(blob_store, "batch/in.parquet", table)
    release, points = make_release(blob_store), {}
    for number, point in enumerate(POINTS[ending]):
        job_id, output = f"job-{number}", f"batch/{number}/out{ending}"
        submit(blob_store, release, output_path=output, job_id=job_id)
        name = point[2] if point[2] != "/out" else output
        points[job_id] = (point[0], point[1], name)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "blob"), json.dumps(points)]
    killing = subprocess.run(
        [*command, str(CHUNK_ROWS)],
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert killing.returncode == 0, killing.stderr

    for number, point in enumerate(points.values()):
        output = f"batch/{number}/out{ending}"
        progress = run(blob_store, f"job-{number}", batch_chunk_rows=CHUNK_ROWS)
        assert (point, progress.status) == (point, JobStatus.SUCCEEDED)
        assert (progress.rows_done, progress.rows_invalid) == (ROWS, len(BROKEN))
        rows = valid_rows(blob_store, output)
        assert (point, rows) == (point, [row for row in range(ROWS) if row not in BROKEN])
        invalid = read_table(blob_store, f"batch/{number}/out.invalid.parquet")
        assert (point, invalid["row"].to_pylist()) == (point, list(BROKEN))
        assert list(blob_store.list(checkpoints_folder(f"job-{number}"))) == []


@pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])
def test_a_frozen_run_writes_nothing_after_it_was_superseded(
    output, blob_store, make_release, submit, records, start, run
):
    write_table(blob_store, "batch/in.parquet", records("spam", 4000))
    job_id = submit(blob_store, make_release(blob_store, "spam"), output_path=output)
    process = start(job_id, batch_chunk_rows=5)
    assert wait_until(lambda: kept(blob_store, job_id) > 2, END_SECONDS)
    process.send_signal(signal.SIGSTOP)
    assert run(blob_store, job_id).status is JobStatus.SUCCEEDED
    before = {blob.path: (blob.modified, blob.size) for blob in blob_store.list("batch")}
    process.send_signal(signal.SIGCONT)
    _, log = process.communicate(timeout=END_SECONDS)
    assert "is left to another process" in log
    after = {blob.path: (blob.modified, blob.size) for blob in blob_store.list("batch")}
    assert after == before


def test_no_row_is_lost_when_ray_workers_are_killed(
    blob_store, make_release, submit, records, start, ray_head, ray_environment
):
    table = records("spam", 20_000)
    write_table(blob_store, "batch/in.parquet", table)
    job_id = submit(blob_store, make_release(blob_store, "spam"))
    process = start(job_id, batch_chunk_rows=1000, **ray_environment)
    victims = []
    assert wait_until(
        lambda: (
            kept(blob_store, job_id) > 0
            and (victims.extend(workers(ray_head, "_score")) or victims)
        ),
        END_SECONDS,
    )
    for victim in victims:
        kill(victim)
    gone, _ = psutil.wait_procs(victims, END_SECONDS)
    done = BatchProgress.model_validate_json(blob_store.read(progress_path(job_id)))
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, log
    assert len(gone) == len(victims) > 0
    assert not done.status.final
    output = read_table(blob_store, "batch/out.parquet")
    assert output["email_id"].to_pylist() == table["email_id"].to_pylist()


def kept(store, job_id):
    return len(list(store.list(checkpoints_folder(job_id))))
