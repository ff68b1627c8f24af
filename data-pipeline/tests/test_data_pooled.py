"""Several sources as one: names, columns, and the dataset version."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.parameters import SourceParameters
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import (
    IngestRequest,
    join_sources,
    parse_columns,
    source_names,
    split_sources,
)
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.errors import InvalidData
from use_cases import use_case
from use_cases.testing import variant

SPAM = use_case("spam")
RUN = "models/spam/_runs/one"
ADDRESSES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(st.lists(ADDRESSES, min_size=2, max_size=4))
def test_joining_and_splitting_sources_is_lossless(addresses):
    assert split_sources(join_sources(addresses)) == addresses


def test_one_source_stays_one(tmp_path):
    (tmp_path / "my mail.csv").write_text("body,label\n")
    assert split_sources(f"{tmp_path}/my mail.csv") == [f"{tmp_path}/my mail.csv"]
    assert split_sources(f"{tmp_path}/my *.csv") == [f"{tmp_path}/my *.csv"]
    assert split_sources("a's mail.csv") == ["a's mail.csv"]
    assert source_names("hf://owner/name") == ()


def test_sources_have_different_names():
    data = "a/mail.csv 'b c/mail.csv' https://key@example.org/x.mbox?token=1 folder/"
    assert source_names(data) == ("mail.csv", "mail.csv-again", "x.mbox", "folder")


def test_relative_paths_are_made_absolute_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    absolute = SourceParameters(data="a.csv 'b c.csv' hf://owner/name").absolute().data
    assert split_sources(absolute) == [
        f"{tmp_path}/a.csv",
        f"{tmp_path}/b c.csv",
        "hf://owner/name",
    ]


@pytest.fixture
def store(tmp_path):
    return LocalBlobStore(tmp_path / "store")


def pooled(store, folder, columns="") -> RawRecords:
    """Read a Parquet file whose text is in `text` and a folder of CSV with `body`."""
    rows = [{"text": f"parquet {n} {n * n:b}", "label": n % 2} for n in range(200)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    (folder / "more").mkdir(exist_ok=True)
    lines = "".join(f"csv {n},{n % 2}\n" for n in range(9))
    (folder / "more" / "b.csv").write_text("body,label\n" + lines)
    request = IngestRequest(f"{folder}/a.parquet {folder}/more", parse_columns(columns))
    ingest(SPAM, store, RUN, request, lambda _: None, IngestSettings())
    return RawRecords(store, RUN)


def test_each_file_is_named_after_its_source(store, tmp_path):
    raw = pooled(store, tmp_path, "body=text")
    rows = pa.Table.from_batches(raw.batches(100), schema=raw.schema)
    assert raw.summary.pooled == ("a.parquet", "more")
    sources = dict(zip(rows["body"].to_pylist(), rows["_source"].to_pylist(), strict=True))
    assert sources["parquet 3 1001"] == "a.parquet"
    assert sources["csv 3"] == "more/b.csv"
    assert {one.input for one in raw.summary.inputs} == {"a.parquet", "more/b.csv"}


def test_a_column_must_be_in_each_source_under_one_of_its_names(store, tmp_path):
    with pytest.raises(InvalidData, match=r"source a\.parquet of DATA has no rows.*no column body"):
        pooled(store, tmp_path)


def test_a_dataset_version_tells_its_sources_apart(store, tmp_path):
    raw = pooled(store, tmp_path, "body=text")
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    plain = variant(
        SPAM, training={"duplicate_text": lambda _, rows: pa.nulls(rows.num_rows, pa.string())}
    )
    version = freeze(store, plain, raw, Rules(), clock)
    assert read_manifest(store, "spam", version).pooled == ("a.parquet", "more")
    sources = read_records(store, "spam", version)["source"].to_pylist()
    assert sorted(set(sources)) == ["a.parquet", "more/b.csv"]
