"""`python -m batch_inference` as the gateway starts it: a process of its own, and real Ray."""

import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from platform_core.contracts.batch_job import BatchProgress, JobStatus, progress_path
from platform_core.parquet import read_table, write_table
from platform_core.testing.machine import child_environment
from platform_core.testing.processes import wait_until
from scoring import Scorer, release_path, store_release
from scoring.release import Release, load_lineage
from use_cases import use_case

END_SECONDS = 60


@pytest.fixture
def start(blob_store, tmp_path):
    """Return a function that starts the program: job id, environment → process."""
    processes = []

    def begin(job_id, **environment):
        settings = {
            "BLOB_STORE_URL": blob_store.uri("batch/_").removesuffix("/batch/_"),
            "FEAST_REPOSITORY": str(tmp_path),
            "FEAST_REGISTRY": str(tmp_path / "registry.db"),
            "FEAST_ONLINE_PATH": str(tmp_path / "online.db"),
            "RAY_ADDRESS": "127.0.0.1:1",
            "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
            **{name.upper(): str(value) for name, value in environment.items()},
        }
        command = [sys.executable, "-m", "batch_inference", job_id]
        process = subprocess.Popen(
            command,
            env=child_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def ray_environment(ray_head):
    return {
        "ray_address": ray_head.address,
        "ray_dashboard_url": ray_head.dashboard_url,
        "ray_auth_mode": "token",
        "ray_auth_token_path": ray_head.token_path,
        "batch_small_rows": 0,
    }


def progress_of(store, job_id="job-1"):
    return BatchProgress.model_validate_json(store.read(progress_path(job_id)))


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_ray_gives_the_scores_of_the_scorer_in_order(
    name, blob_store, make_release, submit, records, start, ray_environment
):
    case, release, table = use_case(name), make_release(blob_store, name), records(name, 120)
    broken = table.slice(7, 1).to_pylist()[0] | {case.record_schema.names[0]: None}
    rows = [*table.to_pylist(), broken]
    write_table(
        blob_store, "batch/in.parquet", pa.Table.from_pylist(rows, schema=case.record_schema)
    )
    job_id = submit(blob_store, release)

    process = start(job_id, batch_chunk_rows=25, **ray_environment)
    _, log = process.communicate(timeout=END_SECONDS)

    assert process.returncode == 0, log
    progress = progress_of(blob_store)
    assert (progress.rows_done, progress.rows_invalid) == (121, 1)
    output = read_table(blob_store, "batch/out.parquet")
    scores = Scorer(release, case).score(table.combine_chunks().to_batches()[0])
    for index, class_name in enumerate(case.classes):
        column = output[f"probability.{class_name}"].to_numpy()
        # The last bit of a float32 depends on how many rows the runtime multiplies at once.
        assert column == pytest.approx(scores.probabilities[:, index], abs=1e-6)
    key = case.id_column or "row"
    assert output[key].to_pylist() == (
        table[key].to_pylist() if case.id_column else list(range(120))
    )


@pytest.mark.parametrize("small_rows", [0, 1000])
def test_a_release_that_a_worker_refuses_fails_the_job_with_its_reason(
    small_rows, blob_store, make_release, submit, records, start, ray_environment
):
    release = make_release(blob_store)
    golden = release.manifest.golden
    changed = golden.model_copy(update={"features": ({"sepal_length": 0.0},) * 3})
    other = Release(release.manifest.model_copy(update={"golden": changed}), release.files)
    lineage = load_lineage(blob_store, "iris", release.id)
    store_release(blob_store, release_path("iris", other.id), other, lineage)
    write_table(blob_store, "batch/in.parquet", records("iris", 20))
    job_id = submit(blob_store, other)

    environment = ray_environment | {"batch_small_rows": small_rows}
    process = start(job_id, **environment)
    output, log = process.communicate(timeout=END_SECONDS)

    assert process.returncode == 1, log
    progress = progress_of(blob_store)
    assert progress.status is JobStatus.FAILED
    assert progress.error.startswith("the feature 'sepal_length' of golden record 0")
    assert progress.error in output


@pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])
def test_sigterm_cancels_a_job(output, blob_store, make_release, submit, records, start):
    write_table(blob_store, "batch/in.parquet", records("spam", 4000))
    job_id = submit(blob_store, make_release(blob_store, "spam"), output_path=output)
    process = start(job_id, batch_chunk_rows=5)
    assert wait_until(lambda: has_begun(blob_store), END_SECONDS)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    assert progress_of(blob_store).status is JobStatus.CANCELLED
    assert [blob for blob in blob_store.list("batch") if "/out" in blob.path] == []


def test_sigterm_cancels_a_job_on_ray(
    blob_store, make_release, submit, records, start, ray_environment
):
    write_table(blob_store, "batch/in.parquet", records("spam", 4000))
    job_id = submit(blob_store, make_release(blob_store, "spam"), output_path="batch/out")
    process = start(job_id, batch_chunk_rows=20, **ray_environment)
    parts = "batch/out"
    assert wait_until(lambda: any(blob_store.list(parts)), END_SECONDS)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    assert progress_of(blob_store).status is JobStatus.CANCELLED
    assert list(blob_store.list(parts)) == []


def test_a_ray_cluster_that_is_down_fails_the_job(blob_store, make_release, submit, records, start):
    write_table(blob_store, "batch/in.parquet", records("iris", 20))
    process = start(submit(blob_store, make_release(blob_store)), batch_small_rows=0)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    error = progress_of(blob_store).error
    assert error.startswith("the Ray cluster at 127.0.0.1:1 cannot be reached")


def test_a_job_nobody_submitted_is_said_on_the_last_line(start):
    process = start("nobody")
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert log.splitlines()[-1] == "nobody: there is no batch job nobody"


def has_begun(store):
    return store.exists(progress_path("job-1")) and progress_of(store).rows_total is not None
