"""The data report: its figures are those of the dataset version, and a person can read it."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_pipeline.columns import TEST
from data_pipeline.report import DataReport, data_report, read_report, report_path, write_report
from data_pipeline.report.contract import Role
from data_pipeline.report.leak import leaks
from data_pipeline.report.plots import distributions_plot
from data_pipeline.report.profile import column_profiles
from data_pipeline.report.sample import Column
from data_pipeline.report.summary import summary
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from data_pipeline.versions.freeze import Rules, freeze
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.parquet import write_table
from platform_core.storage import dataset_path
from use_cases import TrainingUseCase, UseCase, assemble, use_case
from use_cases.testing import variant

IRIS = use_case("iris")
CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
LIMIT = 0.95
HOSTILE = "<script>alert('mail')</script> " + "very long " * 200
ODD_NAME = r"$\frac{<i>价$"
SHARED = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def by_body(_: TrainingUseCase, records: pa.RecordBatch) -> pa.Array:
    """Near duplicates by the body."""
    return records.column("body")


def by_length(_: TrainingUseCase, records: pa.RecordBatch) -> pa.RecordBatch:
    """Short mails are a slice."""
    length = pc.if_else(pc.less(pc.utf8_length(records.column("body")), 300), "short", None)
    return pa.record_batch([length], names=["length"])


SPAM = variant(use_case("spam"), training={"duplicate_text": by_body, "slices": by_length})


def version_of(store: LocalBlobStore, case: UseCase, data: str = "", rows: int = 600) -> str:
    """A dataset version of `data`, of generated records without, with the model's input."""
    folder = f"models/{case.name}/_runs/one"
    ingest(case, store, folder, IngestRequest(data, {}, rows, 5), lambda _: None, IngestSettings())
    version = freeze(store, case, RawRecords(store, folder), Rules(), CLOCK)
    records = read_records(store, case.name, version)
    batch = records.select(case.record_schema.names).combine_chunks().to_batches()[0]
    features = pa.Table.from_batches([assemble(case, batch)])
    for name in ("cluster", "part", "label", "row_id"):
        features = features.add_column(0, name, records[name])
    write_table(store, f"{dataset_path(case.name, version)}/features.parquet", features)
    return version


def mails(path: Path) -> str:
    """Mails with times, a circular that went out five times, and some that cannot be used."""
    table = SPAM.training().generate(400, 3)
    mail = table.slice(0, 1).to_pylist()[0]
    circular = {**mail, "label": "ham", "subject": "To all staff"}
    words = " ".join(f"circular{i}" for i in range(120))
    more = [{**circular, "email_id": f"c{i}", "body": f"{words} {i}"} for i in range(5)]
    more += [
        {**mail, "email_id": f"bad{i}", "body": HOSTILE + str(i), "label": "?"} for i in range(7)
    ]
    odd = pa.Table.from_pylist(more, schema=table.schema)
    both = pa.concat_tables([table, odd])
    length = pc.utf8_length(both["body"])
    # It nearly gives the label away, so that it is among the columns that are drawn.
    telling = pc.add(length, pc.if_else(pc.equal(both["label"], "spam"), 200, 0))
    pq.write_table(both.append_column("length", length).append_column(ODD_NAME, telling), path)
    return str(path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> tuple[LocalBlobStore, str, DataReport]:
    folder = tmp_path_factory.mktemp("report")
    store = LocalBlobStore(folder / "blob")
    version = version_of(store, SPAM, mails(folder / "mails.parquet"))
    return store, version, write_report(store, SPAM, version, LIMIT)


def test_its_counts_are_those_of_the_dataset_version(reported) -> None:
    store, version, report = reported
    manifest = read_manifest(store, "spam", version)
    records = read_records(store, "spam", version)
    assert report.rows == len(records) == report.rows_read - report.quarantined - report.duplicates
    assert {item.name: item.rows for item in report.classes} == manifest.classes
    assert (
        sum(item.test for item in report.classes) == pc.sum(pc.equal(records["part"], TEST)).as_py()
    )
    assert {r.reason: r.rows for r in report.reasons} == manifest.reasons
    assert report.quarantined == 7
    assert report.split == manifest.split
    assert {column.role for column in report.columns} == {Role.FEATURE, Role.ENTITY, Role.RECORD}
    assert {leak.name: leak.role for leak in report.leaks}["length"] is Role.NONE
    assert report.sample_rows == report.rows


def test_times_are_counted_per_class_with_the_boundary_of_the_test_part(reported) -> None:
    store, version, report = reported
    records = read_records(store, "spam", version)
    assert report.split.method == "time"
    for times in report.times:
        own = records.filter(pc.equal(records["label"], times.name))
        assert sum(times.counts) == times.known == len(own)
        assert (times.first, times.last) == tuple(
            pc.min_max(own["event_timestamp"]).as_py().values()
        )
        assert times.first < times.boundary <= times.last


def test_groups_of_near_duplicates_are_shown_with_a_text_of_theirs(reported) -> None:
    _, _, report = reported
    (largest, *_) = report.clusters
    assert report.near_duplicates >= 5
    assert largest.rows == sum(largest.classes.values()) >= 5
    assert "circular0" in largest.example
    assert len(largest.example) <= 200


def test_slices_are_counted_per_class(reported) -> None:
    store, version, report = reported
    records = read_records(store, "spam", version)
    short = records.filter(pc.less(pc.utf8_length(records["body"]), 300))
    (only,) = report.slices
    assert (only.kind, only.value) == ("length", "short")
    counts = pc.value_counts(short["label"]).to_pylist()
    assert only.classes == {pair["values"]: pair["counts"] for pair in counts}


def test_the_page_stands_alone_and_shows_foreign_text_escaped_and_cut(reported) -> None:
    store, version, report = reported
    page = store.read(report_path("spam", version)).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count(r"$\frac{&lt;i&gt;价$") == 2  # in the picture and in the table
    assert not re.search(r'(?:src|href)="(?!#)|@import|url\((?!#)', page)
    assert all(len(e) <= 200 for reason in report.reasons for e in reason.examples)
    assert [len(reason.examples) for reason in report.reasons] == [3]
    first = page.index('class="warning"') if report.warnings else page.index('class="good"')
    assert first < page.index("<h2>")


def test_the_same_dataset_version_gives_the_same_bytes(reported) -> None:
    store, version, report = reported
    page = store.read(report_path("spam", version))
    assert write_report(store, SPAM, version, LIMIT) == report
    assert store.read(report_path("spam", version)) == page
    assert read_report(store, "spam", version) == report


def test_a_sample_bounds_what_columns_are_judged_on_and_no_count(reported) -> None:
    store, version, whole = reported
    manifest = read_manifest(store, "spam", version)
    some = data_report(store, SPAM, manifest, LIMIT, sample_rows=120)
    assert some.sample_rows == 120
    assert {leak.rows for leak in some.leaks} == {120}
    assert (some.classes, some.times, some.sources) == (whole.classes, whole.times, whole.sources)
    assert some == data_report(store, SPAM, manifest, LIMIT, sample_rows=120)


def test_its_summary_says_what_matters_in_a_few_lines(reported) -> None:
    *lines, _ = [*summary(reported[2]), ""]
    text = "\n".join(lines)
    assert len(lines) < 25
    assert "label" in text
    assert "7 refused" in text
    assert "split by time" in text


def test_flowers_without_times_sources_or_features_have_a_report_too(blob_store) -> None:
    version = version_of(blob_store, IRIS, rows=300)
    blob_store.delete(f"{dataset_path('iris', version)}/features.parquet")
    report = write_report(blob_store, IRIS, version, LIMIT)
    assert report.times == ()
    assert report.split.method == "content"
    assert {leak.role for leak in report.leaks} == {Role.RECORD}
    # Petals tell setosa from the others, as everybody knows.
    assert report.leaks[0].name in {"petal_length", "petal_width"}
    assert report.leaks[0].readings[0].of_class == "setosa"
    assert any(warning.startswith("Record columns") for warning in report.warnings)
    assert b"Split by <b>content</b>:" in blob_store.read(report_path("iris", version))


def test_many_classes_are_drawn_side_by_side_and_a_class_without_values_is_left_out() -> None:
    classes = [f"class {i}" for i in range(9)]
    labels = pa.array(classes * 20)
    values = pa.array([None if i % 9 == 4 else float(i % 9) for i in range(180)])
    (profile,) = column_profiles([Column("x", Role.FEATURE, values, labels)], classes, None)
    assert [d.of_class for d in profile.by_class] == [c for c in classes if c != "class 4"]
    assert [d.quantiles[2] for d in profile.by_class] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert profile.missing == pytest.approx(1 / 9)
    assert distributions_plot([profile], classes).axes[0].get_title(loc="left") == "x"


def test_what_is_known_to_leak_in_real_mail_is_found() -> None:
    path = SHARED / "emails_enron.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    names = ["date", "has_html", "n_links", "sender", "email_id"]
    table = pq.read_table(path, columns=[*names, "label"])
    labels = pa.array(np.where(table["label"].to_numpy() == 1, "spam", "ham"))
    columns = [Column(n, Role.NONE, table[n].combine_chunks(), labels) for n in names]
    found = {leak.name: leak for leak in leaks(SPAM, columns, LIMIT)}
    areas = {name: leak.readings[0].auc for name, leak in found.items()}
    assert areas["date"] == pytest.approx(0.9996, abs=0.00005)
    assert areas["has_html"] == pytest.approx(0.968, abs=0.0005)
    assert areas["n_links"] == pytest.approx(0.909, abs=0.0005)
    assert areas["sender"] > LIMIT
    assert areas["email_id"] < 0.52
    assert [n for n in names if found[n].warning] == ["date", "has_html", "sender"]
