"""What another attempt makes of what earlier ones have done: every row once, in order."""

import pyarrow as pa
import pytest

from batch_inference.executors import LocalExecutor
from platform_core.batch import BatchAttempt, BatchProgress, JobObjects, JobStatus
from platform_core.errors import UpstreamUnavailable
from platform_core.parquet import read_table, write_table
from platform_core.storage import cancel_path, checkpoints_folder, input_plan_path, progress_path

OUTPUTS = pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])
ROWS, BROKEN = 100, (3, 41, 77)


class Killed(BaseException):
    """The process is gone."""


class Scoring(LocalExecutor):
    """The local executor; notes which rows it scores and does something before a chunk."""

    def __init__(self, before_chunk=range):
        self.starts = []
        self._before_chunk = before_chunk

    def map(self, plan, chunks, poll):
        def noted():
            for chunk in chunks:
                self._before_chunk(chunk.start)
                self.starts.append(chunk.start)
                yield chunk

        return super().map(plan, noted(), poll)


def dying(at, error=Killed):
    def die(start):
        if start >= at:
            raise error("died")

    return Scoring(die)


@pytest.fixture
def table(records):
    rows = records("iris", ROWS).to_pylist()
    for number in BROKEN:
        rows[number]["petal_width"] = None
    return pa.Table.from_pylist(rows)


@pytest.fixture
def job(blob_store, make_release, submit, table):
    """Return a function that submits 100 flowers of two files, three of them invalid."""

    def prepare(output="batch/out.parquet", source="batch/in"):
        write_table(blob_store, "batch/in/a.parquet", table.slice(0, 30))
        write_table(blob_store, "batch/in/b.parquet", table.slice(30))
        return submit(blob_store, make_release(blob_store), source, output)

    return prepare


def kill(run, store, job_id, at, **settings):
    with pytest.raises(Killed):
        run(store, job_id, executor=dying(at), batch_chunk_rows=10, **settings)


def assert_whole(store, output):
    """The answer of each valid row once and in order, each invalid row once."""
    names = [blob.path for blob in store.list(output)] or [output]
    parts = [read_table(store, name) for name in names if name.endswith(".parquet")]
    valid = [number for number in range(ROWS) if number not in BROKEN]
    assert pa.concat_tables(parts)["row"].to_pylist() == valid
    assert read_table(store, "batch/out.invalid.parquet")["row"].to_pylist() == list(BROKEN)


@pytest.mark.parametrize(
    ("output", "at", "chunk_rows"),
    [
        ("batch/out.parquet", 0, 10),
        ("batch/out.parquet", 50, 10),
        ("batch/out", 90, 10),
        ("batch/out.parquet", 10, 7),
        ("batch/out", 50, 7),
    ],
)
def test_only_the_remaining_rows_are_scored(output, at, chunk_rows, blob_store, job, run):
    job_id = job(output)
    kill(run, blob_store, job_id, at)
    scoring = Scoring()
    progress = run(blob_store, job_id, executor=scoring, batch_chunk_rows=chunk_rows)
    assert scoring.starts[0] == at
    assert scoring.starts == sorted(set(scoring.starts))
    assert (progress.status, progress.rows_done, progress.rows_invalid) == ("succeeded", ROWS, 3)
    assert_whole(blob_store, output)
    assert list(blob_store.list(checkpoints_folder(job_id))) == []


def test_a_job_that_dies_in_every_attempt_still_ends(blob_store, job, run):
    job_id = job()
    for at in (10, 20, 70, 90):
        kill(run, blob_store, job_id, at)
    assert run(blob_store, job_id, batch_chunk_rows=10).status is JobStatus.SUCCEEDED
    assert_whole(blob_store, "batch/out.parquet")


def test_progress_never_falls_below_the_chunks_that_are_done(blob_store, job, run):
    job_id, seen = job(), []
    kill(run, blob_store, job_id, 60)

    def look(start):
        text = blob_store.read(progress_path(job_id))
        seen.append(BatchProgress.model_validate_json(text).rows_done)

    run(blob_store, job_id, executor=Scoring(look), batch_chunk_rows=10)
    assert min(seen) == 60


def test_errors_of_the_environment_leave_the_job_to_the_next_attempt(blob_store, job, run):
    job_id = job()
    executor = dying(30, UpstreamUnavailable)
    progress = run(blob_store, job_id, executor=executor, batch_chunk_rows=10)
    assert (progress.status, progress.error) == (JobStatus.RUNNING, "died")
    started = progress.started_at
    progress = run(blob_store, job_id, batch_chunk_rows=10)
    assert (progress.status, progress.error) == (JobStatus.SUCCEEDED, None)
    assert progress.started_at == started
    assert_whole(blob_store, "batch/out.parquet")


def test_an_input_that_changed_meanwhile_fails_the_job(blob_store, job, run, table):
    job_id = job()
    kill(run, blob_store, job_id, 50)
    write_table(blob_store, "batch/in/b.parquet", table.slice(31))
    progress = run(blob_store, job_id, batch_chunk_rows=10)
    assert progress.status is JobStatus.FAILED
    assert "batch/in/b.parquet was changed while the job ran" in progress.error
    assert not blob_store.exists("batch/out.parquet")
    assert list(blob_store.list(checkpoints_folder(job_id))) == []


def test_a_deleted_input_fails_the_job(blob_store, job, run):
    job_id = job()
    kill(run, blob_store, job_id, 50)
    blob_store.delete("batch/in/a.parquet")
    progress = run(blob_store, job_id)
    assert progress.status is JobStatus.FAILED
    assert "batch/in/a.parquet was deleted" in progress.error


def test_an_input_that_changes_while_it_is_read_fails_the_job(blob_store, job, run, table):
    def change(start):
        if start == 50:
            write_table(blob_store, "batch/in/a.parquet", table.slice(0, 32))

    progress = run(blob_store, job(), executor=Scoring(change), batch_chunk_rows=10)
    assert progress.status is JobStatus.FAILED
    assert "batch/in/a.parquet was changed" in progress.error
    assert not blob_store.exists("batch/out.parquet")


def test_objects_added_later_are_not_read(blob_store, job, run, table):
    job_id = job(source="batch/in/*.parquet")
    kill(run, blob_store, job_id, 50)
    write_table(blob_store, "batch/in/aa.parquet", table)
    assert run(blob_store, job_id, batch_chunk_rows=10).rows_total == ROWS
    assert_whole(blob_store, "batch/out.parquet")


def test_too_many_invalid_rows_count_over_all_attempts(blob_store, job, run):
    job_id = job()
    kill(run, blob_store, job_id, 50, batch_max_invalid_share=0.02)
    progress = run(blob_store, job_id, batch_chunk_rows=10, batch_max_invalid_share=0.02)
    assert progress.status is JobStatus.FAILED
    assert "3 of 80 rows are invalid" in progress.error
    assert read_table(blob_store, "batch/out.invalid.parquet")["row"].to_pylist() == list(BROKEN)


@OUTPUTS
def test_cancelled_between_two_attempts(output, blob_store, job, run):
    job_id = job(output)
    kill(run, blob_store, job_id, 50)
    blob_store.write(cancel_path(job_id), b"")
    scoring = Scoring()
    assert run(blob_store, job_id, executor=scoring).status is JobStatus.CANCELLED
    assert scoring.starts == []
    assert [b.path for b in blob_store.list("batch") if "/out" in b.path] == []
    assert not blob_store.exists(input_plan_path(job_id))


@OUTPUTS
def test_a_superseded_run_writes_nothing(output, blob_store, job, run):
    job_id, after = job(output), {}

    def take_over(start):
        if start == 50 and not after:
            run(blob_store, job_id, batch_chunk_rows=10)
            after.update({b.path: (b.modified, b.size) for b in blob_store.list("batch")})

    progress = run(blob_store, job_id, executor=Scoring(take_over), batch_chunk_rows=10)
    assert progress.status is JobStatus.SUCCEEDED  # by the other
    assert {b.path: (b.modified, b.size) for b in blob_store.list("batch")} == after
    assert_whole(blob_store, output)


def test_an_attempt_runs_once(blob_store, job, run, clock):
    job_id = job()
    assert JobObjects(blob_store, job_id).open_attempt(
        BatchAttempt(number=1, opened_at=clock.now())
    )
    with pytest.raises(Killed):
        run(blob_store, job_id, executor=dying(50), batch_chunk_rows=10, attempt=1)
    scoring = Scoring()
    progress = run(blob_store, job_id, executor=scoring, attempt=1)
    assert (progress.status, scoring.starts) == (JobStatus.RUNNING, [])


def test_only_one_process_can_open_and_claim_an_attempt(blob_store, job, clock):
    attempts = JobObjects(blob_store, job())
    opened = [
        attempts.open_attempt(BatchAttempt(number=1, opened_at=clock.now())) for _ in range(2)
    ]
    assert opened == [True, False]
    assert [attempts.claim(1) for _ in range(2)] == [True, False]


def test_chunks_that_overlap_or_leave_a_gap_do_not_count(blob_store, job, run):
    job_id = job()
    kill(run, blob_store, job_id, 50)
    folder = checkpoints_folder(job_id)
    kept = [blob.path for blob in blob_store.list(folder)]
    for start, rows in ((15, 10), (45, 10), (70, 10)):
        blob_store.write(f"{folder}/{start:015d}-{rows}-0-0.parquet", blob_store.read(kept[0]))
    assert run(blob_store, job_id, batch_chunk_rows=10).rows_done == ROWS
    assert_whole(blob_store, "batch/out.parquet")
