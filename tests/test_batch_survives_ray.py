"""A batch job whose Ray head is killed resumes on a new head without duplicate rows."""

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from api_gateway.batch.routes import job_state
from platform_core.adapters import connect
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.job_runner.ray_jobs import RayJobRunner
from platform_core.batch import BatchJobs, BatchSubmission, JobObjects, JobStatus, JobSupervisor
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.parquet import read_table, write_table
from platform_core.settings import RaySettings
from platform_core.storage import checkpoints_folder
from platform_core.testing.processes import wait_until
from platform_core.testing.ray_cluster import RayCluster, command_line
from platform_core.testing.servers import RayHead, takes_jobs
from use_cases import use_case

# Fixtures start a stack and train; each counts as part of the first test that needs it.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS, CHUNK_ROWS = 1500, 10
SECONDS = 120
MAX_ATTEMPTS = 3


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def cluster(tmp_path: Path, blob_store: LocalBlobStore, stack: ExitStack) -> RayCluster:
    settings = {
        "BLOB_STORE_URL": blob_store.uri("batch/_").removesuffix("/batch/_"),
        "FEAST_REPOSITORY": str(tmp_path),
        "FEAST_ONLINE_PATH": str(tmp_path / "online.db"),
        "BATCH_SMALL_ROWS": "0",
        "BATCH_CHUNK_ROWS": str(CHUNK_ROWS),
    }
    return RayCluster(tmp_path / "own-ray", settings, stack)


def test_a_killed_ray_head_loses_and_duplicates_no_row(
    cluster, blob_store, make_release, stack
) -> None:
    table = use_case("spam").training().generate(ROWS, 7)
    write_table(blob_store, "batch/in/mails.parquet", table)
    head = cluster.start()
    runner = stack.enter_context(closing(_runner(head)))
    assert wait_until(lambda: takes_jobs(runner), SECONDS)
    supervisor = JobSupervisor(blob_store, runner, SystemClock(), MAX_ATTEMPTS)
    jobs = BatchJobs(blob_store, supervisor, SystemClock())
    submission = BatchSubmission(input_path="batch/in/*.parquet", output_path="batch/out.parquet")
    jobs.check(submission)
    release_id = make_release(blob_store, "spam").id
    job = jobs.submit(submission, "spam", Environment.STAGING, release_id)

    assert wait_until(lambda: len(_kept(blob_store, job)) > 5, SECONDS)
    orphans = cluster.kill(head)
    before = _kept(blob_store, job)
    assert 0 < len(before) < ROWS / CHUNK_ROWS
    supervisor.check_jobs()  # the cluster cannot be reached: nothing happens
    assert job_state(job, jobs.progress(job)).status is JobStatus.RUNNING

    cluster.start()
    began = datetime.now(UTC)

    def ended() -> bool:
        supervisor.check_jobs()
        return jobs.progress(job).status.final

    seen = set()
    assert wait_until(lambda: seen.update(_kept(blob_store, job)) or ended(), SECONDS)
    document = job_state(job, jobs.progress(job)).model_dump()
    assert (document["status"], document["error"]) == ("succeeded", None)
    assert (document["rows_done"], document["rows_invalid"]) == (ROWS, 0)
    newest = JobObjects(blob_store, job.job_id).newest_attempt()
    assert newest is not None and newest.number == 2
    # What was done before was not done again.
    assert seen >= set(before) and document["started_at"] < began
    output = read_table(blob_store, "batch/out.parquet")
    assert output["email_id"].to_pylist() == table["email_id"].to_pylist()
    assert set(output["release_id"].to_pylist()) == {job.release_id}
    # The first run outlives its head for up to a minute, unless it sees that it was replaced.
    _, left = psutil.wait_procs(orphans, timeout=20)
    assert [process for process in left if "batch_inference" in command_line(process)] == []


def _runner(head: RayHead) -> RayJobRunner:
    settings = RaySettings(
        ray_address=head.address,
        ray_dashboard_url=head.dashboard_url,
        ray_auth_token_path=head.token_path,
    )
    runner = connect.job_runner(settings)
    assert isinstance(runner, RayJobRunner)
    return runner


def _kept(store: LocalBlobStore, job) -> dict:
    folder = checkpoints_folder(job.job_id)
    return {(blob.path, blob.modified): None for blob in store.list(folder)}
