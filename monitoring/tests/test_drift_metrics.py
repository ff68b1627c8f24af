"""The latest reports, as a table and as Prometheus metrics."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drift_detector.reports.metrics import exposition, table
from drift_detector.window import Window
from platform_core.adapters.blob_store.azure import AzureBlobStore
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.drift_reports import latest_reports
from platform_core.errors import InvalidData
from use_cases import use_case

HOUR = timedelta(hours=1)


@pytest.fixture(params=["local", "memory", "azure"])
def store(request, blob_store):
    if request.param == "memory":
        return MemoryBlobStore()
    if request.param == "azure":
        settings = request.getfixturevalue("azurite").settings
        azure = AzureBlobStore(settings.blob_store_url, settings.azure_storage_key)
        for container in ("drift-reports", "inference-logs", "models", "baselines"):
            for blob in list(azure.list(container)):
                azure.delete(blob.path)
        return azure
    return blob_store


def drift_in_two_windows(world, records_of) -> tuple:
    case = use_case("iris")
    release, other = world.release(), world.release(seed=1)
    world.log(release, records_of(case, 300, 1))
    job = world.job()
    now = world.clock.now()
    job.run(Window(now - HOUR, now), "iris")
    world.clock.advance(HOUR)
    at = world.clock.now() - timedelta(minutes=1)
    world.log(release, records_of(case, 300, 2, drift=1.0), at=at)
    world.log(other, records_of(case, 10, 2), at=at)
    world.serve(release, "staging")
    job.run(Window(now, world.clock.now()))
    # Measuring an older window again does not make it the latest.
    world.clock.advance(timedelta(minutes=5))
    job.run(Window(now - HOUR, now), "iris")
    return release, now + HOUR


def test_the_latest_report_of_each_environment_is_found(store, new_world, records_of):
    world = new_world(store)
    assert latest_reports(store) == []
    release, end = drift_in_two_windows(world, records_of)
    production, staging = latest_reports(store)
    assert (production.environment, production.release_id) == ("production", release)
    assert (production.end, production.rows) == (end, 300)
    assert (staging.environment, staging.rows) == ("staging", 0)


def test_a_report_that_cannot_be_read_is_named(world, records_of):
    drift_in_two_windows(world, records_of)
    report = latest_reports(world.store)[0]
    folder = "drift-reports/use_case=iris/environment=production/date=2026-01-05/hour=13"
    path = f"{folder}/{report.report_id}.json"
    world.store.write(path, b"{}")
    with pytest.raises(InvalidData, match=path):
        latest_reports(world.store)


def test_the_table_shows_statistics_and_no_zero_for_no_data(world, records_of):
    assert table([]) == "no drift report yet"
    release, _ = drift_in_two_windows(world, records_of)
    text = table(latest_reports(world.store))
    drifting, silent = text.split("\n\n")
    assert f"release {release}: drift" in drifting
    (line,) = (line for line in drifting.splitlines() if line.startswith("  petal_length"))
    assert "numeric" in line
    assert "drift" in line
    assert "predicted: setosa" in drifting
    (line,) = (line for line in drifting.splitlines() if line.startswith("  prediction"))
    assert line.split()[6:8] == ["-", "-"], "a categorical column has no KS"
    assert silent.splitlines() == [
        f"iris staging 2026-01-05T12:00Z to 2026-01-05T13:00Z, release {release}: "
        "insufficient-data (0 rows, no score; no live traffic in the window)"
    ]


def test_prometheus_can_parse_the_metrics_and_no_data_has_no_sample(world, records_of):
    release, end = drift_in_two_windows(world, records_of)
    reports = latest_reports(world.store)
    families = {f.name: f.samples for f in text_string_to_metric_families(exposition(reports))}
    psi = {s.labels["column"]: s for s in families["mlplatform_drift_psi"]}
    assert psi["petal_length"].value == pytest.approx(
        next(c.psi for c in reports[0].columns if c.column == "petal_length")
    )
    assert {s.labels["environment"] for s in psi.values()} == {"production"}
    assert {s.labels["release_id"] for s in psi.values()} == {release}
    assert "prediction" not in {s.labels["column"] for s in families["mlplatform_drift_ks"]}
    assert [s.value for s in families["mlplatform_drift_rows"]] == [300, 0]
    assert len(families["mlplatform_drift_score"]) == 1
    assert families["mlplatform_drift_window_end_timestamp_seconds"][0].value == end.timestamp()
    verdicts = {
        (s.labels["environment"], s.labels["verdict"])
        for s in families["mlplatform_drift_verdict"]
        if s.value == 1
    }
    assert verdicts == {("production", "drift"), ("staging", "insufficient-data")}


def test_no_report_is_valid_exposition():
    assert all(not f.samples for f in text_string_to_metric_families(exposition([])))
