"""The life of a job: cancelled, run again, and how much it keeps in memory."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from batch_inference.executors import LocalExecutor
from platform_core.batch import BatchProgress, JobStatus
from platform_core.clock import ManualClock
from platform_core.parquet import read_table, write_table
from platform_core.storage import cancel_path, checkpoints_folder, progress_path

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
OUTPUTS = pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])


class Watched(LocalExecutor):
    """The local executor, with something that happens after each chunk."""

    def __init__(self, after_chunk):
        self._after_chunk = after_chunk

    def map(self, plan, chunks, poll):
        for number, result in enumerate(super().map(plan, chunks, poll)):
            self._after_chunk(number)
            yield result


@pytest.fixture
def job(blob_store, make_release, submit, records):
    """Return a function that submits 100 flowers: output path → job id."""

    def prepare(output="batch/out.parquet", job_id="job-1"):
        write_table(blob_store, "batch/in.parquet", records("iris", 100))
        return submit(blob_store, make_release(blob_store), output_path=output, job_id=job_id)

    return prepare


def outputs(store):
    return [blob.path for blob in store.list("batch") if "/out" in blob.path]


def stored(store, job_id="job-1"):
    return BatchProgress.model_validate_json(store.read(progress_path(job_id)))


@OUTPUTS
def test_a_cancelled_job_stops_and_leaves_nothing(output, blob_store, job, run):
    def cancel(number):
        if number == 2:
            blob_store.write(cancel_path("job-1"), b"")

    progress = run(blob_store, job(output), executor=Watched(cancel), batch_chunk_rows=10)
    assert progress.status is JobStatus.CANCELLED
    assert progress == stored(blob_store)
    assert progress.finished_at is not None
    assert outputs(blob_store) == []


def test_a_job_cancelled_before_it_starts_never_reads_its_input(blob_store, job, run):
    job_id = job()
    blob_store.write(cancel_path(job_id), b"")
    progress = run(blob_store, job_id)
    assert (progress.status, progress.rows_total) == (JobStatus.CANCELLED, None)


@OUTPUTS
def test_running_a_finished_job_again_does_nothing(output, blob_store, job, run):
    job_id = job(output)
    first = run(blob_store, job_id)
    before = {blob.path: blob.modified for blob in blob_store.list("batch")}
    assert run(blob_store, job_id, clock=ManualClock(START + timedelta(hours=1))) == first
    assert {blob.path: blob.modified for blob in blob_store.list("batch")} == before


@OUTPUTS
def test_a_complete_output_without_final_status_is_not_written_again(output, blob_store, job, run):
    job_id = job(output)
    run(blob_store, job_id)
    crashed = BatchProgress(status=JobStatus.RUNNING, rows_total=100, rows_done=90)
    blob_store.write(progress_path(job_id), crashed.model_dump_json().encode())
    before = {path: blob_store.read(path) for path in outputs(blob_store)}
    blob_store.delete("batch/in.parquet")

    progress = run(blob_store, job_id)

    assert (progress.status, progress.rows_done) == (JobStatus.SUCCEEDED, 100)
    assert {path: blob_store.read(path) for path in outputs(blob_store)} == before


@OUTPUTS
def test_the_output_of_another_job_is_replaced(output, blob_store, job, run):
    run(blob_store, job(output))
    job(output, "job-2")
    write_table(blob_store, "batch/in.parquet", read_table(blob_store, "batch/in.parquet")[:7])
    assert run(blob_store, "job-2", batch_chunk_rows=3).rows_done == 7
    paths = [path for path in outputs(blob_store) if path.endswith(".parquet")]
    assert pa.concat_tables(read_table(blob_store, path) for path in paths).num_rows == 7


def test_an_unexpected_error_fails_the_job_with_its_type_and_text(blob_store, job, run, caplog):
    def fail(number):
        raise ZeroDivisionError("an unexpected defect")

    progress = run(blob_store, job(), executor=Watched(fail))
    assert (progress.status, progress.error) == (
        JobStatus.FAILED,
        "ZeroDivisionError: an unexpected defect",
    )
    assert "Traceback" in caplog.text
    assert outputs(blob_store) == []


def test_progress_is_written_once_a_second(blob_store, job, run):
    clock, seen = ManualClock(START), []

    def observe(number):
        seen.append(stored(blob_store).rows_done)
        clock.advance(timedelta(seconds=0.4))

    run(blob_store, job(), executor=Watched(observe), clock=clock, batch_chunk_rows=10)
    # Read before each chunk is counted; written at 1.2 s and 2.4 s and so on.
    assert seen == [0, 0, 0, 30, 30, 30, 60, 60, 60, 90]
    assert stored(blob_store).rows_total == 100


def test_chunks_follow_each_other_and_are_bounded(blob_store, job, run):
    sizes = []

    class Measuring(LocalExecutor):
        def map(self, plan, chunks, poll):
            def measured():
                for chunk in chunks:
                    sizes.append((chunk.start, chunk.table.num_rows))
                    yield chunk

            return super().map(plan, measured(), poll)

    executor = Measuring()
    run(blob_store, job(), executor=executor, batch_chunk_rows=30)
    assert sizes == [(0, 30), (30, 30), (60, 30), (90, 10)]

    sizes.clear()
    job_id = job(job_id="job-2")
    run(blob_store, job_id, executor=executor, batch_chunk_rows=10, batch_chunk_bytes=1)
    assert [rows for _, rows in sizes] == [10] * 10


@OUTPUTS
def test_chunks_are_kept_while_the_input_is_still_read(output, blob_store, job, run):
    kept, seen = [], []

    def count(number):
        kept.append(len(list(blob_store.list(checkpoints_folder("job-1")))))
        seen.extend(outputs(blob_store))

    run(blob_store, job(output), executor=Watched(count), batch_chunk_rows=25)
    assert kept == [0, 1, 2, 3]
    assert seen == []
    assert outputs(blob_store) != []
    assert list(blob_store.list(checkpoints_folder("job-1"))) == []
