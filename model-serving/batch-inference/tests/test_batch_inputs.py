"""Folders and patterns as the input of a job: invalid rows, objects of no use, and side files."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from platform_core.batch import JobStatus
from platform_core.parquet import read_table, write_table

SOURCES = pytest.mark.parametrize(
    "source", ["batch/in", "batch/in/**", "batch/in/2026-*/p-?.parquet"]
)
SIDE = "batch/out.invalid.parquet"


@pytest.fixture
def months(blob_store, records):
    """Two months of three flowers each; the last of each month lacks a value."""
    rows = records("iris", 6).to_pylist()
    rows[2]["petal_width"] = rows[5]["petal_width"] = None
    table = pa.Table.from_pylist(rows)
    write_table(blob_store, "batch/in/2026-01/p-1.parquet", table.slice(0, 3))
    write_table(blob_store, "batch/in/2026-02/p-1.parquet", table.slice(3))
    return table


@pytest.fixture
def job(blob_store, make_release, submit, months):
    """Return a function that submits a job: source, job id → job id."""
    release = make_release(blob_store)
    return lambda source="batch/in", job_id="job-1", output="batch/out.parquet": submit(
        blob_store, release, source, output, job_id
    )


@SOURCES
def test_rows_are_numbered_over_all_objects(source, blob_store, job, run):
    progress = run(blob_store, job(source))
    assert (progress.status, progress.rows_done, progress.rows_invalid) == ("succeeded", 6, 2)
    assert read_table(blob_store, "batch/out.parquet")["row"].to_pylist() == [0, 1, 3, 4]
    assert read_table(blob_store, SIDE)["row"].to_pylist() == [2, 5]


@SOURCES
def test_the_share_of_invalid_rows_is_one_of_all_objects(source, blob_store, job, run):
    progress = run(blob_store, job(source), batch_max_invalid_share=0.3)
    assert progress.status is JobStatus.FAILED
    assert "2 of 6 rows are invalid" in progress.error
    assert not blob_store.exists("batch/out.parquet")


@SOURCES
@pytest.mark.parametrize("spoilt", ["no Parquet", "other columns"])
def test_one_unusable_object_fails_the_job_by_name_before_any_row(
    source, spoilt, blob_store, job, run
):
    path = "batch/in/2026-02/p-2.parquet"
    if spoilt == "no Parquet":
        blob_store.write(path, b"half a file")
    else:
        write_table(blob_store, path, pa.table({"sepal_length": [5.0], "note": ["x"]}))
    progress = run(blob_store, job(source))
    assert progress.status is JobStatus.FAILED
    assert path in progress.error
    assert progress.rows_done == 0
    assert not blob_store.exists(SIDE)


def test_a_pattern_without_matches_fails_the_job(blob_store, job, run):
    progress = run(blob_store, job("batch/in/2027-*/*.parquet"))
    assert progress.status is JobStatus.FAILED
    assert "no .parquet object matches the pattern batch/in/2027-*/*.parquet" in progress.error


def test_a_pattern_that_matches_the_output_is_refused(blob_store, job, run):
    progress = run(blob_store, job("batch/*.parquet"))
    assert "lies within the input" in progress.error


@pytest.mark.parametrize("share", [1, 0])
def test_the_side_file_of_a_failed_job_is_replaced_by_the_next(share, blob_store, job, run, months):
    assert run(blob_store, job(), batch_max_invalid_share=0).status is JobStatus.FAILED
    assert blob_store.exists(SIDE)
    if share == 0:
        valid = months.filter(pc.is_valid(months["petal_width"]))
        write_table(blob_store, "batch/in/2026-01/p-1.parquet", valid)
        write_table(blob_store, "batch/in/2026-02/p-1.parquet", valid)
    progress = run(blob_store, job(job_id="job-2"), batch_max_invalid_share=share)
    assert progress.status is JobStatus.SUCCEEDED
    assert blob_store.exists(SIDE) is (share == 1)


def test_a_copy_of_an_abandoned_side_file_is_not_replaced(blob_store, job, run):
    run(blob_store, job(), batch_max_invalid_share=0)
    copy = "batch/kept.invalid.parquet"
    blob_store.write(copy, blob_store.read(SIDE))
    progress = run(blob_store, job(job_id="job-2", output="batch/kept.parquet"))
    assert progress.status is JobStatus.FAILED
    assert copy in progress.error
