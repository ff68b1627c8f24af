"""What a job answers: the scores of the release, in the order of the input."""

import numpy as np
import pyarrow as pa
import pytest

from platform_core.adapters import connect
from platform_core.batch import JobStatus
from platform_core.parquet import read_table, write_table
from scoring import Scorer
from use_cases import use_case


class Domains:
    """An online store that knows every domain by the length of its name."""

    def read(self, feature_view, entity, keys, features):
        del feature_view, entity
        values = [float(len(key)) for key in keys]
        return pa.record_batch([values for _ in features], names=list(features))


def expected(release, table):
    case = use_case(release.manifest.use_case)
    batch = table.select(case.record_schema.names).combine_chunks().to_batches()[0]
    return Scorer(release, case).score(batch)


def probabilities(output, case):
    return np.stack([output[f"probability.{name}"].to_numpy() for name in case.classes], axis=1)


@pytest.mark.parametrize("name", ["iris", "spam"])
@pytest.mark.parametrize("chunks", [(1000, 0), (100, 1e-6)])
def test_scores_equal_the_scorer_in_the_order_of_the_input(
    name, chunks, blob_store, make_release, submit, run, records
):
    # With other chunks the last bit may differ: the runtime multiplies other blocks at once.
    chunk_rows, tolerance = chunks
    case, release, table = use_case(name), make_release(blob_store, name), records(name, 230)
    write_table(blob_store, "batch/in.parquet", table)

    progress = run(blob_store, submit(blob_store, release), batch_chunk_rows=chunk_rows)

    output = read_table(blob_store, "batch/out.parquet")
    scores = expected(release, table)
    assert progress.status is JobStatus.SUCCEEDED
    assert probabilities(output, case) == pytest.approx(scores.probabilities, rel=0, abs=tolerance)
    assert output["prediction"].to_pylist() == scores.predictions.to_pylist()
    assert output.column_names == [
        case.id_column or "row",
        "prediction",
        *(f"probability.{c}" for c in case.classes),
        "release_id",
        "degraded",
        "truncated",
    ]
    assert set(output["release_id"].to_pylist()) == {release.id}
    assert set(output["degraded"].to_pylist()) == {False}
    identity = output.column(0).to_pylist()
    assert identity == (table[case.id_column].to_pylist() if case.id_column else list(range(230)))
    assert not blob_store.exists("batch/out.invalid.parquet")


def test_progress_counts_all_rows_and_keeps_the_times(
    blob_store, make_release, submit, run, records
):
    write_table(blob_store, "batch/in.parquet", records("iris", 30))
    progress = run(blob_store, submit(blob_store, make_release(blob_store)))
    assert (progress.rows_total, progress.rows_done, progress.rows_invalid) == (30, 30, 0)
    assert progress.started_at == progress.finished_at
    assert progress.error is None


def test_entity_features_come_from_the_online_store(blob_store, make_release, submit, run, records):
    release = make_release(blob_store, "spam", feature_view_version="v1")
    table = records("spam", 40)
    write_table(blob_store, "batch/in.parquet", table)
    run(blob_store, submit(blob_store, release), online_store=Domains())

    case = use_case("spam")
    batch = table.combine_chunks().to_batches()[0]
    keys = case.entity_keys(batch)
    values = pa.array([None if k is None else float(len(k)) for k in keys.to_pylist()])
    names = list(case.entity_features.names)
    entities = pa.record_batch([values for _ in names], names=names)
    scores = Scorer(release, case).score(batch, entities)
    output = read_table(blob_store, "batch/out.parquet")
    assert np.array_equal(probabilities(output, case), scores.probabilities)
    assert not any(output["degraded"].to_pylist())


def test_rows_scored_without_the_online_store_are_marked_degraded(
    blob_store, make_release, submit, run, records
):
    release = make_release(blob_store, "spam", feature_view_version="v1")
    write_table(blob_store, "batch/in.parquet", records("spam", 20))
    progress = run(blob_store, submit(blob_store, release))
    output = read_table(blob_store, "batch/out.parquet")
    assert progress.status is JobStatus.SUCCEEDED
    assert all(output["degraded"].to_pylist())


def test_a_folder_is_read_in_order_of_path_and_written_as_parts(
    blob_store, make_release, submit, run, records
):
    release, table = make_release(blob_store), records("iris", 90)
    wide = table.slice(60).cast(pa.schema([(n, pa.float64()) for n in table.column_names]))
    write_table(blob_store, "batch/in/b.parquet", table.slice(30, 30))
    write_table(blob_store, "batch/in/a.parquet", table.slice(0, 30))
    write_table(blob_store, "batch/in/sub/c.parquet", wide)
    blob_store.write("batch/in/_SUCCESS", b"")
    blob_store.write("batch/in/_temporary/d.parquet", b"half a file")
    blob_store.write("batch/out/part-00007.parquet", b"of an earlier attempt")

    progress = run(
        blob_store, submit(blob_store, release, "batch/in", "batch/out"), batch_chunk_rows=80
    )

    names = [blob.path for blob in blob_store.list("batch/out")]
    assert progress.status is JobStatus.SUCCEEDED
    assert names == [
        "batch/out/_SUCCESS",
        *(f"batch/out/part-{number:05d}.parquet" for number in range(2)),
    ]
    # Types differ between the files: each chunk has its own.
    assert [read_table(blob_store, name).num_rows for name in names[1:]] == [60, 30]
    parts = pa.concat_tables(read_table(blob_store, name) for name in names[1:])
    assert parts["row"].to_pylist() == list(range(90))
    assert parts["prediction"].to_pylist() == expected(release, table).predictions.to_pylist()


@pytest.mark.parametrize("output", ["batch/out.parquet", "batch/out"])
def test_the_same_in_azure_blob_storage(output, azurite, make_release, submit, run, records):
    store = connect.blob_store(azurite.settings)
    release, table = make_release(store), records("iris", 60)
    write_table(store, "batch/azure/in/a.parquet", table)
    job = submit(store, release, "batch/azure/in", output, job_id=f"azure-{len(output)}")

    progress = run(store, job, batch_chunk_rows=25)

    assert progress.error is None
    names = [b.path for b in store.list("batch/out")] if output == "batch/out" else [output]
    parts = [read_table(store, name) for name in names if name.endswith(".parquet")]
    predictions = pa.concat_tables(parts)["prediction"].to_pylist()
    assert predictions == expected(release, table).predictions.to_pylist()
    assert run(store, job) == progress
