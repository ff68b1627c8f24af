"""What a job does with rows and inputs that do not fit."""

import math

import pyarrow as pa
import pytest

from platform_core.batch import JobStatus
from platform_core.errors import JobNotFound
from platform_core.parquet import read_table, write_table
from platform_core.storage import progress_path


def iris(**changes):
    columns = {
        "sepal_length": [5.1, 5.1, 5.1, 5.1],
        "sepal_width": [3.5, 3.5, 3.5, 3.5],
        "petal_length": [1.4, 1.4, 1.4, 1.4],
        "petal_width": [0.2, 0.2, 0.2, 0.2],
    }
    return pa.table({**columns, **changes})


def mails(**changes):
    columns = {
        "email_id": ["a", "b", "c"],
        "subject": ["", "", ""],
        "body": ["hello", "there", "you"],
        "sender": ["", "x@y.z", "nobody"],
    }
    return pa.table({**columns, **changes})


def invalid_rows(store):
    return read_table(store, "batch/out.invalid.parquet").to_pylist()


@pytest.mark.parametrize(
    "values",
    [
        [5.1, None, 5.1, 5.1],
        [5.1, -1.0, 5.1, 5.1],
        [5.1, 100.5, 5.1, 5.1],
        [5.1, math.nan, 5.1, 5.1],
        [5.1, math.inf, 5.1, 5.1],
        ["5.1", "long", "5.1", "5.1"],
    ],
)
def test_invalid_rows_go_to_the_side_file_and_the_others_are_scored(
    values, blob_store, make_release, submit, run
):
    write_table(blob_store, "batch/in.parquet", iris(sepal_length=values))
    progress = run(blob_store, submit(blob_store, make_release(blob_store)))
    assert progress.status is JobStatus.SUCCEEDED
    assert (progress.rows_done, progress.rows_invalid) == (4, 1)
    assert read_table(blob_store, "batch/out.parquet")["row"].to_pylist() == [0, 2, 3]
    (row,) = invalid_rows(blob_store)
    assert row["row"] == 1
    assert "sepal_length" in row["reason"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email_id": ["a", "", "c"]}, "email_id"),
        ({"sender": pa.array(["", None, ""])}, "sender"),
        ({"body": pa.array([b"fine", b"\xff\xfe\x00", b"fine"])}, "body"),
    ],
)
def test_emails_outside_the_limits_are_invalid(
    changes, field, blob_store, make_release, submit, run
):
    write_table(blob_store, "batch/in.parquet", mails(**changes))
    progress = run(blob_store, submit(blob_store, make_release(blob_store, "spam")))
    assert progress.status is JobStatus.SUCCEEDED
    (row,) = invalid_rows(blob_store)
    assert row["row"] == 1
    assert field in row["reason"]
    assert row["email_id"] in {None, *changes.get("email_id", ["b"])}
    assert read_table(blob_store, "batch/out.parquet")["email_id"].to_pylist() == ["a", "c"]


def test_long_texts_are_cut_and_named(blob_store, make_release, submit, run):
    changes = {"subject": ["", "x" * 10_001, ""], "sender": ["", "y" * 1_200, "z" * 1_001]}
    write_table(blob_store, "batch/in.parquet", mails(**changes))
    progress = run(blob_store, submit(blob_store, make_release(blob_store, "spam")))
    assert (progress.rows_done, progress.rows_invalid, progress.rows_truncated) == (3, 0, 2)
    found = read_table(blob_store, "batch/out.parquet")["truncated"].to_pylist()
    assert found == [None, "subject,sender", "sender"]


def test_text_that_is_not_utf8_is_an_invalid_row(blob_store, make_release, submit, run):
    broken = pa.Array.from_buffers(
        pa.string(), 3, pa.array([b"fine", b"\xff\xfe", b"fine"]).buffers()
    )
    write_table(blob_store, "batch/in.parquet", mails(body=broken))
    progress = run(blob_store, submit(blob_store, make_release(blob_store, "spam")))
    assert (progress.status, progress.rows_invalid) == (JobStatus.SUCCEEDED, 1)


def test_too_many_invalid_rows_fail_the_job(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris(petal_width=[0.2, None, None, None]))
    progress = run(blob_store, submit(blob_store, make_release(blob_store)))
    assert progress.status is JobStatus.FAILED
    assert "3 of 4 rows are invalid" in progress.error
    assert "petal_width is missing" in progress.error
    assert not blob_store.exists("batch/out.parquet")
    assert len(invalid_rows(blob_store)) == 3


def test_too_many_invalid_rows_leave_no_parts(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris(petal_width=[0.2, None, None, None]))
    job = submit(blob_store, make_release(blob_store), output_path="batch/out")
    assert run(blob_store, job, batch_chunk_rows=1).status is JobStatus.FAILED
    assert list(blob_store.list("batch/out")) == []


def test_the_share_that_may_be_invalid_is_a_setting(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris(petal_width=pa.nulls(4, pa.float32())))
    job = submit(blob_store, make_release(blob_store))
    progress = run(blob_store, job, batch_max_invalid_share=1)
    assert (progress.status, progress.rows_invalid) == (JobStatus.SUCCEEDED, 4)
    assert read_table(blob_store, "batch/out.parquet").num_rows == 0


def test_the_side_file_of_an_earlier_attempt_is_deleted(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris(petal_width=[0.2, None, 0.2, 0.2]))
    job_id = submit(blob_store, make_release(blob_store))
    assert run(blob_store, job_id).rows_invalid == 1
    for path in ("batch/out.parquet", progress_path(job_id)):
        blob_store.delete(path)
    write_table(blob_store, "batch/in.parquet", iris())
    assert run(blob_store, job_id).rows_invalid == 0
    assert not blob_store.exists("batch/out.invalid.parquet")


@pytest.mark.parametrize("invalid", [0, 1])
@pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])
def test_the_side_file_of_another_job_is_not_replaced(
    invalid, output, blob_store, make_release, submit, run
):
    release = make_release(blob_store)
    write_table(blob_store, "batch/in.parquet", iris(petal_width=[0.2, None, 0.2, 0.2]))
    run(blob_store, submit(blob_store, release, job_id="other"))
    files = [blob_store.read("batch/out.invalid.parquet"), b"no Parquet at all"]
    blob_store.delete("batch/out.parquet")
    values = [None] * invalid + [0.2] * (4 - invalid)
    write_table(blob_store, "batch/in.parquet", iris(petal_width=values))
    for number, data in enumerate(files):
        blob_store.write("batch/out.invalid.parquet", data)
        job_id = submit(blob_store, release, output_path=output, job_id=f"job-{number}")
        progress = run(blob_store, job_id)
        assert progress.status is JobStatus.FAILED
        assert "batch/out.invalid.parquet" in progress.error
        assert blob_store.read("batch/out.invalid.parquet") == data
        assert not blob_store.exists("batch/out.parquet")
        assert list(blob_store.list("batch/out")) == []


def test_a_side_file_is_not_the_input(blob_store, make_release, submit, run):
    source = "batch/out.invalid.parquet"
    write_table(blob_store, source, iris())
    before = blob_store.read(source)
    progress = run(blob_store, submit(blob_store, make_release(blob_store), source))
    assert (progress.status, "lies within the input" in progress.error) == (JobStatus.FAILED, True)
    assert blob_store.read(source) == before


def test_missing_columns_are_named(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris().drop_columns(["petal_width", "sepal_width"]))
    progress = run(blob_store, submit(blob_store, make_release(blob_store)))
    assert progress.status is JobStatus.FAILED
    assert "has no column sepal_width, petal_width" in progress.error
    assert progress.finished_at is not None


def test_additional_columns_are_ignored(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris(note=[{"a": 1}, None, None, None]))
    assert run(blob_store, submit(blob_store, make_release(blob_store))).rows_done == 4


def test_unusable_inputs_fail_with_the_reason(blob_store, make_release, submit, run):
    release = make_release(blob_store)
    blob_store.write("batch/text.parquet", b"certainly not Parquet")
    write_table(blob_store, "batch/empty.parquet", iris().slice(0, 0))
    cases = {
        "batch/text.parquet": "cannot be read as Parquet",
        "batch/empty.parquet": "has no rows",
        "batch/absent.parquet": "there is no input",
        "batch/out.parquet": "lies within the input",
    }
    for number, (path, text) in enumerate(cases.items()):
        progress = run(blob_store, submit(blob_store, release, path, job_id=f"job-{number}"))
        assert progress.status is JobStatus.FAILED
        assert text in progress.error
        assert path in progress.error


def test_a_column_of_a_type_that_never_fits_fails_the_job(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", mails(body=[["a"], ["b"], ["c"]]))
    progress = run(blob_store, submit(blob_store, make_release(blob_store, "spam")))
    assert progress.status is JobStatus.FAILED
    assert "body cannot be read" in progress.error


def test_a_release_that_is_not_there_fails_the_job(blob_store, make_release, submit, run):
    write_table(blob_store, "batch/in.parquet", iris())
    release = make_release(blob_store)
    for blob in list(blob_store.list(f"models/iris/{release.id}")):
        blob_store.delete(blob.path)
    progress = run(blob_store, submit(blob_store, release))
    assert progress.status is JobStatus.FAILED
    assert release.id in progress.error


def test_an_unknown_job_is_not_found(blob_store, run):
    with pytest.raises(JobNotFound, match="no batch job nobody"):
        run(blob_store, "nobody")
