"""The data report: its figures are those of the dataset version, and its page is readable."""

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
from data_pipeline.report import DataReport, read_report, report_path, write_report
from data_pipeline.report.build import data_report
from data_pipeline.report.columns import Column, column_reports
from data_pipeline.report.contract import Role
from data_pipeline.report.page import distributions_plot, summary
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


def test_counts_are_those_of_the_dataset_version(reported) -> None:
    store, version, report = reported
    data = report.manifest
    records = read_records(store, "spam", version)
    assert data == read_manifest(store, "spam", version)
    assert data.rows == len(records) == data.rows_read - data.rows_quarantined - data.duplicates
    assert {item.name: item.rows for item in report.classes} == data.classes
    assert {item.name: item.train + item.test for item in report.classes} == data.classes
    assert (
        sum(item.test for item in report.classes) == pc.sum(pc.equal(records["part"], TEST)).as_py()
    )
    assert {r.reason: r.rows for r in report.reasons} == data.reasons
    assert data.rows_quarantined == 7
    # Without entity features in this version, all entities are unknown.
    described = {column.role for column in report.columns if column.quantiles}
    assert described == {Role.FEATURE, Role.RECORD}
    assert Role.ENTITY in {column.role for column in report.columns}
    assert {column.name: column.role for column in report.columns}["length"] is Role.NONE
    assert report.sample_rows == data.rows


def test_times_are_counted_per_class_with_the_boundary_of_the_test_part(reported) -> None:
    store, version, report = reported
    records = read_records(store, "spam", version)
    assert report.manifest.split.method == "time"
    for item in report.classes:
        own = records.filter(pc.equal(records["label"], item.name))
        assert sum(item.times) == item.timed == len(own)
        assert (item.first, item.last) == tuple(pc.min_max(own["event_timestamp"]).as_py().values())
        assert item.first < item.boundary <= item.last


def test_clusters_of_near_duplicates_are_shown_with_an_example(reported) -> None:
    _, _, report = reported
    (largest, *_) = report.clusters
    assert report.manifest.near_duplicates >= 5
    assert sum(largest.classes.values()) >= 5
    assert "circular0" in largest.name
    assert len(largest.name) <= 200


def test_slices_are_counted_per_class(reported) -> None:
    store, version, report = reported
    records = read_records(store, "spam", version)
    short = records.filter(pc.less(pc.utf8_length(records["body"]), 300))
    (only,) = report.slices
    assert only.name == "length: short"
    counts = pc.value_counts(short["label"]).to_pylist()
    assert only.classes == {pair["values"]: pair["counts"] for pair in counts}


def test_the_page_has_no_external_resources_and_escapes_and_cuts_text_of_the_data(reported) -> None:
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


def test_the_sample_limits_the_judged_rows_but_no_count(reported) -> None:
    store, version, whole = reported
    manifest = read_manifest(store, "spam", version)
    some = data_report(store, SPAM, manifest, LIMIT, sample_rows=120)
    assert some.sample_rows == 120
    assert {column.rows for column in some.columns} == {120}
    assert (some.classes, some.sources) == (whole.classes, whole.sources)
    assert some == data_report(store, SPAM, manifest, LIMIT, sample_rows=120)


def test_the_summary_has_a_few_lines(reported) -> None:
    *lines, _ = [*summary(reported[2]), ""]
    text = "\n".join(lines)
    assert len(lines) < 25
    assert "label" in text
    assert "7 rejected" in text
    assert "split by time" in text


def test_data_without_times_sources_or_features_has_a_report(blob_store) -> None:
    version = version_of(blob_store, IRIS, rows=300)
    blob_store.delete(f"{dataset_path('iris', version)}/features.parquet")
    report = write_report(blob_store, IRIS, version, LIMIT)
    assert report.time_edges == ()
    assert {item.timed for item in report.classes} == {0}
    assert report.manifest.split.method == "content"
    assert {column.role for column in report.columns} == {Role.RECORD}
    # Petals separate setosa from the other species.
    assert report.columns[0].name in {"petal_length", "petal_width"}
    assert report.columns[0].aucs[0].of_class == "setosa"
    assert any(warning.startswith("Record columns") for warning in report.warnings)
    assert b"Split by <b>content</b>:" in blob_store.read(report_path("iris", version))


def test_a_column_is_described_by_the_quantiles_of_the_classes_that_have_values() -> None:
    classes = [f"class {i}" for i in range(9)]
    labels = pa.array(classes * 20)
    values = pa.array([None if i % 9 == 4 else float(i % 9) for i in range(180)])
    case = variant(SPAM, classes=tuple(classes), positive=None)
    (found,) = column_reports(case, [Column("x", Role.FEATURE, values, labels)], LIMIT)
    assert list(found.quantiles) == [name for name in classes if name != "class 4"]
    assert [quantiles[2] for quantiles in found.quantiles.values()] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert (found.rows, found.known) == (180, 160)
    plot = distributions_plot([found], dict.fromkeys(classes, "#0072b2"))
    assert plot.axes[0].get_title(loc="left") == "x"


def test_known_leaks_of_real_mail_are_found() -> None:
    path = SHARED / "emails_enron.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    names = ["date", "has_html", "n_links", "sender", "email_id"]
    table = pq.read_table(path, columns=[*names, "label"])
    labels = pa.array(np.where(table["label"].to_numpy() == 1, "spam", "ham"))
    columns = [Column(n, Role.NONE, table[n].combine_chunks(), labels) for n in names]
    found = {column.name: column for column in column_reports(SPAM, columns, LIMIT)}
    areas = {name: column.aucs[0].auc for name, column in found.items()}
    assert areas["date"] == pytest.approx(0.9996, abs=0.00005)
    assert areas["has_html"] == pytest.approx(0.968, abs=0.0005)
    assert areas["n_links"] == pytest.approx(0.909, abs=0.0005)
    assert areas["sender"] > LIMIT
    assert areas["email_id"] < 0.52
    assert [n for n in names if found[n].warning] == ["date", "has_html", "sender"]
