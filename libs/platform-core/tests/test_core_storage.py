"""Paths of blob storage: built, parsed and validated."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core import storage
from platform_core.errors import InvalidInput, InvalidPath
from platform_core.ports.blob_paths import validate_folder, validate_path

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
RELEASE = "0123456789abcdef0123456789abcdef"


def test_the_layout():
    assert storage.dataset_path("spam", "v1") == "training-data/spam/v1"
    assert storage.release_path("spam", "a1", "model", "x") == "models/spam/a1/model/x"
    assert storage.refused_path("spam", "a1") == "models/spam/refused/a1"
    assert storage.ledger_entry_path("spam", "staging", 7) == (
        "models/spam/_ledger/staging/00000007.json"
    )
    assert storage.run_path("spam", "r1", "a.json") == "models/spam/_runs/r1/a.json"
    assert storage.baseline_path("spam", "a1") == "baselines/spam/a1.parquet"
    assert storage.drift_report_path("spam", "staging", NOON, "r", "html") == (
        "drift-reports/use_case=spam/environment=staging/date=2026-01-05/hour=12/r.html"
    )
    assert storage.quality_report_path("spam", "staging", NOON, "r") == (
        "quality-reports/use_case=spam/environment=staging/date=2026-01-05/hour=12/r.json"
    )
    assert storage.quality_measured_path("spam", "staging", NOON) == (
        "quality-reports/_measured/use_case=spam/environment=staging/date=2026-01-05.json"
    )
    assert storage.label_object_path("spam", NOON, "s") == (
        "labels/use_case=spam/date=2026-01-05/s.parquet"
    )
    assert storage.retrain_request_path("q", ".taken") == "drift-reports/_retrain-requests/q.taken"
    assert storage.webhook_path("r", "drift") == "drift-reports/_webhooks/r-drift.json"
    assert storage.job_path("j") == "batch/_jobs/j/job.json"
    assert storage.part_path("batch/out", 3) == "batch/out/part-00003.parquet"
    assert storage.invalid_path("batch/out.parquet") == "batch/out.invalid.parquet"


def test_every_path_is_valid():
    paths = [
        storage.dataset_path("spam", "v1", storage.MANIFEST_FILE),
        storage.log_object_path("spam", "staging", NOON, "s"),
        storage.reservation_path("batch/out.parquet", "j"),
        storage.attempt_path("j", 1),
        storage.open_path("j"),
    ]
    assert [validate_path(path) for path in paths] == paths


def test_a_manifest_names_its_dataset_version():
    path = storage.dataset_path("spam", "v1", storage.MANIFEST_FILE)
    assert storage.parse_dataset_version("spam", path) == "v1"
    assert storage.parse_dataset_version("iris", path) is None
    others = ("records.parquet", "raw/manifest.json")
    for other in others:
        assert storage.parse_dataset_version("spam", f"training-data/spam/v1/{other}") is None


def test_a_manifest_names_its_release():
    path = storage.release_path("spam", RELEASE, storage.RELEASE_FILE)
    assert storage.parse_release_id("spam", path) == RELEASE
    assert storage.parse_release_id("iris", path) is None
    refused = storage.refused_path("spam", RELEASE, storage.RELEASE_FILE)
    run = storage.run_path("spam", "r1", storage.RELEASE_FILE)
    assert [storage.parse_release_id("spam", other) for other in (refused, run)] == [None, None]
    assert storage.parse_release_id("spam", "models/spam/_runs/release.json") is None


def test_an_open_marker_names_its_job():
    assert storage.parse_open_job(storage.open_path("j")) == "j"


def test_the_log_is_partitioned_by_the_hour_in_utc():
    berlin = timezone(timedelta(hours=1))
    time = datetime(2026, 1, 6, 0, 30, tzinfo=berlin)
    folder = storage.log_hour_folder("spam", "production", time)
    assert folder.endswith("/use_case=spam/environment=production/date=2026-01-05/hour=23")
    assert storage.is_partition(folder, "hour")
    assert not storage.is_partition(folder, "date")
    with pytest.raises(InvalidInput, match="has no time zone"):
        storage.log_hour_folder("spam", "production", datetime(2026, 1, 6))  # noqa: DTZ001


def test_a_window_is_covered_by_whole_days_and_hours():
    start, end = NOON.replace(hour=22, minute=10), NOON + timedelta(days=2, minutes=1)
    names = [
        folder.partition("date=")[2]
        for folder in storage.log_window_folders("spam", "staging", start, end)
    ]
    hours = [f"2026-01-07/hour={hour:02d}" for hour in range(13)]
    assert names == ["2026-01-05/hour=22", "2026-01-05/hour=23", "2026-01-06", *hours]
    assert list(storage.log_window_folders("spam", "staging", NOON, NOON)) == []


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20))
def test_a_path_is_within_its_folder_and_no_other(name: str):
    assert storage.is_within(f"batch/{name}/a", f"batch/{name}")
    assert storage.is_within(f"batch/{name}", f"batch/{name}")
    assert not storage.is_within(f"batch/{name}x", f"batch/{name}")


def test_a_folder_may_be_a_container():
    assert validate_folder("batch") == "batch"
    for folder in ("secrets", "batch/", "batch/../models", ""):
        with pytest.raises(InvalidPath):
            validate_folder(folder)
