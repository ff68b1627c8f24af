"""`python -m batch_inference` as the gateway starts it: a process of its own, and real Ray."""

import signal
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

import batch_inference
from platform_core.batch import PROGRAM, BatchAttempt, BatchProgress, JobObjects, JobStatus
from platform_core.parquet import read_table, write_table
from platform_core.storage import cancel_path, checkpoints_folder, progress_path, release_path
from platform_core.testing.processes import wait_until
from scoring import Scorer, store_release
from scoring.release import Release, load_lineage
from use_cases import use_case

END_SECONDS = 60
DEPLOY = Path(__file__).parent.parent / "deploy"


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


@pytest.mark.parametrize(
    ("cancelled", "status"), [(True, JobStatus.CANCELLED), (False, JobStatus.RUNNING)]
)
def test_sigterm_ends_a_run_and_the_job_only_when_it_was_cancelled(
    cancelled, status, blob_store, make_release, submit, records, start
):
    write_table(blob_store, "batch/in.parquet", records("spam", 4000))
    job_id = submit(blob_store, make_release(blob_store, "spam"))
    process = start(job_id, batch_chunk_rows=5)
    assert wait_until(lambda: any(blob_store.list(checkpoints_folder(job_id))), END_SECONDS)
    if cancelled:
        blob_store.write(cancel_path(job_id), b"")
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    assert progress_of(blob_store).status is status
    assert not blob_store.exists("batch/out.parquet")
    assert any(blob_store.list(checkpoints_folder(job_id))) is not cancelled


def test_sigterm_ends_a_run_on_ray(
    blob_store, make_release, submit, records, start, ray_environment
):
    write_table(blob_store, "batch/in.parquet", records("spam", 4000))
    job_id = submit(blob_store, make_release(blob_store, "spam"), output_path="batch/out")
    process = start(job_id, batch_chunk_rows=20, **ray_environment)
    assert wait_until(lambda: any(blob_store.list(checkpoints_folder(job_id))), END_SECONDS)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    progress = progress_of(blob_store)
    assert (progress.status, "SIGTERM" in progress.error) == (JobStatus.RUNNING, True)
    assert list(blob_store.list("batch/out")) == []


def test_a_job_waits_for_the_next_attempt_while_ray_is_down(
    blob_store, make_release, submit, records, start
):
    write_table(blob_store, "batch/in.parquet", records("iris", 20))
    process = start(submit(blob_store, make_release(blob_store)), batch_small_rows=0)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, log
    progress = progress_of(blob_store)
    assert progress.status is JobStatus.RUNNING
    assert progress.error.startswith("the Ray cluster at 127.0.0.1:1 cannot be reached")


def test_the_submitted_command_runs_the_announced_attempt(
    blob_store, make_release, submit, records, start, clock
):
    write_table(blob_store, "batch/in.parquet", records("iris", 20))
    job_id = submit(blob_store, make_release(blob_store))
    objects = JobObjects(blob_store, job_id)
    for number in (1, 2):
        assert objects.open_attempt(BatchAttempt(number=number, opened_at=clock.now()))
    process = start(job_id, attempt=2)
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, log
    assert (objects.claimed(1), objects.claimed(2)) == (False, True)
    assert batch_inference.__name__ == PROGRAM


def test_the_jobs_of_the_cluster_run_the_same_program():
    jobs = [yaml.safe_load(file.read_text()) for file in DEPLOY.glob("jobs/*/ray-job.yaml")]
    entrypoints = [job["spec"]["entrypoint"] for job in jobs]
    assert entrypoints == [f"python -m {PROGRAM} JOB_ID"] * 2


def test_an_unknown_job_is_reported_on_the_last_line(start):
    process = start("nobody")
    _, log = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert log.splitlines()[-1] == "there is no batch job nobody"
