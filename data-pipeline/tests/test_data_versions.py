import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.versions.identity import (
    ContentDigest,
    table_digest,
)
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.errors import BlobNotFound, InvalidData, UpstreamUnavailable
from platform_core.parquet import read_table
from platform_core.storage import dataset_path
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

IRIS = use_case("iris")
# Mail without near duplicates: numbers in its texts count for nothing there.
PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def quarantine(store, version: str) -> pa.Table:
    return read_table(store, f"{dataset_path('spam', version)}/quarantine.parquet")


def test_the_version_depends_on_content_not_on_order_time_or_parts(blob_store, frozen) -> None:
    table = SPAM.training().generate(300, 5)
    shuffled = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    first = frozen(SPAM, blob_store, table)
    later = NOW + timedelta(days=300)
    assert frozen(SPAM, blob_store, shuffled.slice(0, 7), shuffled.slice(7), now=later) == first
    assert read_manifest(blob_store, "spam", first).created_at == NOW


def test_one_changed_letter_gives_another_version(blob_store, frozen, many) -> None:
    one = frozen(SPAM, blob_store, many(["last"], ["ham"]))
    assert frozen(SPAM, blob_store, many(["lost"], ["ham"])) != one


def test_the_source_a_record_came_from_does_not_change_the_version(blob_store, frozen) -> None:
    table = SPAM.training().generate(300, 5)
    elsewhere = table.append_column("_source", pa.repeat("b.csv", 300))
    assert frozen(SPAM, blob_store, table) == frozen(SPAM, blob_store, elsewhere)


def test_a_version_has_records_quarantine_and_manifest(blob_store, frozen, many) -> None:
    version = frozen(SPAM, blob_store, many([None], ["spam"]))
    manifest = read_manifest(blob_store, "spam", version)
    records = read_records(blob_store, "spam", version)
    assert (manifest.rows, manifest.rows_read, manifest.rows_quarantined) == (200, 201, 1)
    assert manifest.test_rows == pc.sum(pc.equal(records["part"], "test")).as_py()
    assert manifest.reasons == {"body is missing": 1}
    assert [(s.source, s.rows) for s in manifest.sources] == [("generated", 200)]
    assert records["row_id"].to_pylist() == sorted(records["row_id"].to_pylist())
    assert records["cluster"].to_pylist() == records["row_id"].to_pylist()
    (row,) = quarantine(blob_store, version).to_pylist()
    assert (row["email_id"], row["reason"], row["source"]) == (
        "200",
        "body is missing",
        "generated",
    )


def test_rejected_values_are_cut(blob_store, frozen, many) -> None:
    version = frozen(SPAM, blob_store, many(["x" * 5000], ["maybe"]))
    (row,) = quarantine(blob_store, version).to_pylist()
    assert (len(row["body"]), row["label"]) == (1000, "maybe")


def test_columns_outside_the_use_case_are_stored_separately(blob_store, frozen) -> None:
    table = SPAM.training().generate(200, 1).append_column("folder", pa.array(range(200)))
    table = table.append_column("part", pa.array(["x"] * 200))
    version = frozen(SPAM, blob_store, table)
    extra = read_table(blob_store, f"{dataset_path('spam', version)}/extra_columns.parquet")
    assert extra.column_names == ["row_id", "label", "part", "folder", "part (source)"]
    records = read_records(blob_store, "spam", version)
    assert extra["row_id"].to_pylist() == records["row_id"].to_pylist()
    assert extra["part"].to_pylist() == records["part"].to_pylist()
    number = [int(name[-6:]) for name in records["email_id"].to_pylist()]
    assert extra["folder"].to_pylist() == number
    assert "folder" not in records.column_names


def test_without_extra_columns_there_is_no_file_of_them(blob_store, frozen) -> None:
    version = frozen(IRIS, blob_store, IRIS.training().generate(300, 1))
    assert not blob_store.exists(f"{dataset_path('iris', version)}/extra_columns.parquet")


def test_the_index_has_every_record(blob_store, frozen, mail) -> None:
    version = frozen(mail, blob_store, SPAM.training().generate(300, 1))
    index = read_table(blob_store, f"{dataset_path('spam', version)}/index.parquet")
    records = read_records(blob_store, "spam", version)
    names = ["row_id", "label", "cluster", "part"]
    assert index.select(names).equals(records.select(names))
    assert index["minhash"].null_count == 0


@pytest.mark.parametrize("size", [1, 10**9, 10**12])
def test_the_size_of_a_source_does_not_change_the_version(
    blob_store, store_raw, frozen, size: int
) -> None:
    table = SPAM.training().generate(300, 5).append_column("n", pa.array(range(300)))
    raw = store_raw(blob_store, table, size=size)
    version = freeze(blob_store, SPAM, raw, Rules(), ManualClock(NOW))
    assert version == frozen(SPAM, blob_store, table)
    records = read_records(blob_store, "spam", version)
    assert records["row_id"].to_pylist() == sorted(records["row_id"].to_pylist())
    assert sorted(records["body"].to_pylist()) == sorted(table["body"].to_pylist())


def test_simultaneous_runs_create_the_same_complete_version(tmp_path, frozen) -> None:
    table, stores = SPAM.training().generate(400, 5), [LocalBlobStore(tmp_path) for _ in range(3)]
    versions, start = [], threading.Barrier(3)

    def run(store: LocalBlobStore) -> None:
        start.wait()
        versions.append(frozen(SPAM, store, table))

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (version,) = set(versions)
    assert len(versions) == 3
    assert read_manifest(stores[0], "spam", version).rows == 400
    assert read_records(stores[0], "spam", version).num_rows == 400


class _FullDisk(LocalBlobStore):
    """Fails to store the records after the smaller files are written."""

    def upload(self, source, path) -> None:
        if path.endswith("records.parquet"):
            raise UpstreamUnavailable("no space left")
        super().upload(source, path)


def test_a_failed_run_leaves_no_version_and_the_next_run_completes_it(tmp_path, frozen) -> None:
    table = SPAM.training().generate(300, 5)
    with pytest.raises(UpstreamUnavailable):
        frozen(SPAM, _FullDisk(tmp_path), table)
    store = LocalBlobStore(tmp_path)
    (left,) = {blob.path.split("/")[2] for blob in store.list("training-data/spam")}
    with pytest.raises(BlobNotFound):
        read_manifest(store, "spam", left)
    assert frozen(SPAM, store, table) == left
    assert read_records(store, "spam", left).num_rows == 300


def test_a_manifest_of_an_earlier_release_can_still_be_read(blob_store, frozen) -> None:
    version = frozen(IRIS, blob_store, IRIS.training().generate(300, 1))
    path = f"{dataset_path('iris', version)}/manifest.json"
    written = json.loads(blob_store.read(path))
    old = ("dataset_version", "use_case", "created_at", "rows", "rows_read", "rows_quarantined",
           "duplicates", "test_rows", "classes", "columns")  # fmt: skip
    blob_store.write(path, json.dumps({name: written[name] for name in old}).encode())
    assert read_manifest(blob_store, "iris", version).split.method == "content"


def test_too_few_rows_for_a_test_split_are_rejected(blob_store, frozen) -> None:
    with pytest.raises(InvalidData, match="give more data"):
        frozen(IRIS, blob_store, IRIS.training().generate(60, 0))


@given(st.permutations(range(8)))
def test_the_digest_ignores_the_order_of_rows(order: list[int]) -> None:
    table = pa.table({"a": range(8), "b": [str(i) for i in range(8)]})
    assert table_digest(table.take(order)) == table_digest(table)


@given(
    st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers(-9, 9)), max_size=9),
    st.lists(st.integers(0, 9), max_size=3),
)
def test_the_digest_depends_on_the_values_not_on_how_they_are_chunked(rows, cuts) -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.int64())])
    table = pa.table(list(zip(*rows, strict=True)) or [[], []], schema=schema)
    whole, pieces = ContentDigest(schema), ContentDigest(schema)
    whole.update(table)
    places = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(places):
        pieces.update(table.slice(start, end - start))
    assert pieces.hexdigest() == whole.hexdigest()
    for number, (text, value) in enumerate(rows):
        other = [*rows]
        other[number] = ("x" if text is None else text + "x", value)
        changed = ContentDigest(schema)
        changed.update(pa.table(list(zip(*other, strict=True)), schema=schema))
        assert changed.hexdigest() != whole.hexdigest()
