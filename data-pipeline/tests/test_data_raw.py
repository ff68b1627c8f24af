from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ProgressMeter, ingest
from data_pipeline.sources.parts import PART_BYTES
from data_pipeline.sources.raw import RawRecords, fit, unify
from data_pipeline.sources.tasks import BLOCK_ROWS
from platform_core.errors import BlobNotFound, InvalidData
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
RUN = "models/x/_runs/one"


def run(store, data, case=SPAM, rows=100, folder=RUN) -> RawRecords:
    request = IngestRequest(str(data), {}, rows, 3)
    ingest(case, store, folder, request, lambda _: None, IngestSettings())
    return RawRecords(store, folder)


def rows_of(raw: RawRecords, size: int = 1_000) -> list[dict]:
    return [row for batch in raw.batches(size) for row in batch.to_pylist()]


def mails(path: Path, bodies: list[str], labels: list) -> None:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"body": bodies, "label": labels}), path)


def test_without_an_end_there_are_no_records(blob_store) -> None:
    with pytest.raises(BlobNotFound):
        RawRecords(blob_store, RUN)


def test_large_sources_become_several_parts_of_one_schema(blob_store, tmp_path: Path) -> None:
    for number in range(3):
        bodies = [f"{number}-{row} " + "x" * 40_000 for row in range(1_000)]
        mails(tmp_path / "in" / f"{number}.parquet", bodies, [row % 2 for row in range(1_000)])
    raw = run(blob_store, tmp_path / "in")
    assert len(raw.summary.parts) > 1
    sizes = []
    for batch in raw.batches(10_000):
        assert batch.schema.equals(raw.schema)
        sizes.append(batch.nbytes)
    assert max(sizes) < PART_BYTES
    assert [row["body"].partition(" ")[0] for row in rows_of(raw, 400)] == [
        f"{number}-{row}" for number in range(3) for row in range(1_000)
    ]


def test_types_that_disagree_between_files_become_text_everywhere(blob_store, tmp_path) -> None:
    mails(tmp_path / "in" / "a.parquet", ["a"], [1])
    mails(tmp_path / "in" / "b.parquet", ["b"], ["ham"])
    mails(tmp_path / "in" / "c.parquet", ["c"], [None])
    raw = run(blob_store, tmp_path / "in")
    assert raw.schema.field("label").type == pa.string()
    assert [row["label"] for row in rows_of(raw)] == ["1", "ham", None]


def test_a_failed_ingest_takes_the_one_before_with_it(blob_store, tmp_path: Path) -> None:
    mails(tmp_path / "in" / "a.parquet", ["a"], [1])
    run(blob_store, tmp_path / "in" / "a.parquet")
    with pytest.raises(InvalidData):
        run(blob_store, tmp_path / "in" / "absent.parquet")
    assert list(blob_store.list(RUN)) == []


def test_an_interrupted_ingest_leaves_nothing(blob_store, tmp_path: Path) -> None:
    for name in "ab":
        bodies = [name * 40_000 for _ in range(2_000)]
        mails(tmp_path / "in" / f"{name}.parquet", bodies, [1] * 2_000)

    class Stop(BaseException):
        """What a signal would raise."""

    def stop(_text: str) -> None:
        assert list(blob_store.list(RUN)) != []  # parts were there by then
        raise Stop

    with pytest.raises(Stop):
        ingest(SPAM, blob_store, RUN, IngestRequest(str(tmp_path / "in")), stop, IngestSettings())
    assert list(blob_store.list(RUN)) == []


def test_two_runs_on_the_same_data_do_not_meet(blob_store, tmp_path: Path) -> None:
    mails(tmp_path / "in" / "a.parquet", ["a", "b"], [1, 0])
    one = run(blob_store, tmp_path / "in")
    two = run(blob_store, tmp_path / "in", folder="models/x/_runs/two")
    assert rows_of(one) == rows_of(two) == rows_of(RawRecords(blob_store, RUN))


def test_generated_records_come_in_blocks_that_begin_as_they_always_did(blob_store) -> None:
    raw = run(blob_store, "", case=IRIS, rows=BLOCK_ROWS + 10)
    table = pa.Table.from_batches(raw.batches(10_000)).drop_columns(["_source"])
    assert table.num_rows == BLOCK_ROWS + 10
    assert (
        table.slice(0, BLOCK_ROWS).combine_chunks().equals(IRIS.training().generate(BLOCK_ROWS, 3))
    )
    rest = table.slice(BLOCK_ROWS).combine_chunks()
    assert not rest.equals(IRIS.training().generate(10, 3))
    again = run(blob_store, "", case=IRIS, rows=BLOCK_ROWS + 10)
    assert pa.Table.from_batches(again.batches(10_000)).drop_columns(["_source"]).equals(table)


def test_progress_is_said_every_two_seconds_and_at_the_end() -> None:
    now, said = [0.0], []
    meter = ProgressMeter(said.append, lambda: now[0])
    for second in (1.0, 1.9, 2.1, 3.0, 4.2):
        now[0] = second
        meter.add(1_000, 2_000_000)
    now[0] = 5.0
    assert meter.end(4_500, "; 2 lines left out") == 5.0
    assert said == [
        "read 3,000 rows, 6.0 MB, 1,429 rows/s …",
        "read 5,000 rows, 10.0 MB, 1,190 rows/s …",
        "read 4,500 rows, 10.0 MB, 900 rows/s in 5.0 s; 2 lines left out",
    ]


COLUMNS = st.sampled_from(
    [
        pa.array([1, 2], pa.int8()),
        pa.array([2**60, None], pa.int64()),
        pa.array([2**64 - 1, 0], pa.uint64()),
        pa.array([1.5, None]),
        pa.array([True, False]),
        pa.array(["a", None]),
        pa.array([b"\xff", b"b"]),
        pa.nulls(2),
        pa.array([0, 1], pa.timestamp("us", "UTC")),
        pa.array([0, 1], pa.timestamp("ms")),
        pa.array([0, 1], pa.date32()),
        pa.array([1, None], pa.duration("s")),
    ]
)
BATCHES = st.dictionaries(st.sampled_from("abc"), COLUMNS, min_size=1).map(
    pa.RecordBatch.from_pydict
)


@given(st.lists(BATCHES, min_size=1, max_size=6))
def test_one_schema_holds_all_batches_and_never_narrows(batches: list[pa.RecordBatch]) -> None:
    schema = pa.schema([])
    for batch in batches:
        schema = unify(schema, batch.schema)
    for batch in batches:
        assert unify(schema, batch.schema).equals(schema)
        fitted = fit(batch, schema)
        for name in batch.schema.names:
            nulls = batch.column(name).is_valid()
            assert fitted.column(name).is_valid().equals(nulls)
