"""Erased records get into no dataset version, and are not read from those that exist."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from data_pipeline.features import compute_features
from data_pipeline.stored import read_features, read_part, read_sources
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.parquet import read_table
from platform_core.storage import MANIFEST_FILE, dataset_path, record_tombstone_path
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def erase(blob_store):
    """Return a function that writes the tombstones of records."""

    def write(*ids: str) -> None:
        for one in ids:
            blob_store.write(record_tombstone_path("spam", one), b"{}")

    return write


def test_a_new_version_leaves_erased_records_out_of_all_its_files(
    blob_store, frozen, many, erase
) -> None:
    table = many([None, "last"], ["spam", "ham"])
    table = table.append_column("folder", pa.array([f"folder {n}" for n in range(202)]))
    erase("7", "200")
    version = frozen(SPAM, blob_store, table)
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.rows_quarantined, manifest.erased) == (200, 0, 2)
    assert manifest.rows_read == 202 == manifest.rows + manifest.duplicates + manifest.erased
    assert "2 rows belong to erased records and were left out" in manifest.warnings
    names = read_records(blob_store, "spam", version)["email_id"].to_pylist()
    assert sorted(names, key=int) == [str(n) for n in range(202) if n not in {7, 200}]
    folder = dataset_path("spam", version)
    assert read_table(blob_store, f"{folder}/quarantine.parquet").num_rows == 0
    extra = read_table(blob_store, f"{folder}/extra_columns.parquet")
    assert extra["folder"].to_pylist() == [f"folder {name}" for name in names]


def test_a_version_that_is_added_to_does_not_bring_erased_records_back(
    blob_store, frozen, many, mails, erase
) -> None:
    table = many().append_column("folder", pa.array(range(200)))
    base = frozen(SPAM, blob_store, table)
    erase("7", "8")
    added = frozen(SPAM, blob_store, mails(["new"], ["ham"]), base=base)
    manifest = read_manifest(blob_store, "spam", added)
    assert (manifest.rows, manifest.rows_read, manifest.erased) == (199, 1, 2)
    assert manifest.parents == (base,)
    bodies = read_records(blob_store, "spam", added)["body"].to_pylist()
    assert set(bodies) == {"new", *(f"mail {n}" for n in range(200) if n not in {7, 8})}
    extra = read_table(blob_store, f"{dataset_path('spam', added)}/extra_columns.parquet")
    assert {7, 8}.isdisjoint(extra["folder"].to_pylist())


def test_an_erased_record_is_not_read_from_a_version_whose_manifest_stays(
    blob_store, frozen, many, erase, tmp_path: Path
) -> None:
    version = frozen(SPAM, blob_store, many())
    compute_features(blob_store, SPAM, version, None, tmp_path, on_ray=False)
    path = dataset_path("spam", version, MANIFEST_FILE)
    manifest = blob_store.read(path)
    erased = {
        part: read_part(blob_store, SPAM, version, part)["email_id"][0].as_py()
        for part in ("train", "test")
    }
    before = {part: read_features(blob_store, SPAM, version, part) for part in erased}
    erase(*erased.values())
    for part, record_id in erased.items():
        features = read_features(blob_store, SPAM, version, part)
        records = read_part(blob_store, SPAM, version, part)
        assert record_id not in records["email_id"].to_pylist()
        assert features.equals(before[part].slice(1))
        assert records.num_rows == features.num_rows
        assert len(read_sources(blob_store, SPAM, version, part)) == features.num_rows
    assert blob_store.read(path) == manifest
