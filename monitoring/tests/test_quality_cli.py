"""`mlplatform quality`: exit codes and output, and the loop that measures quality with drift."""

import json
from datetime import timedelta

import pytest

from drift_detector.loop import run_loop
from drift_detector.quality.job import QualityJob
from drift_detector.quality.measure import QualityMeter
from platform_core.reports.quality import latest_quality
from use_cases import use_case

SPAN = ("--from", "2026-01-05T11:00:00Z", "--to", "2026-01-05T12:00:00Z")
HOUR = timedelta(hours=1)


@pytest.fixture
def run(mlplatform):
    """Return a function that runs a command of this group: its settings, then its arguments."""
    return lambda settings, *arguments: mlplatform(settings, "quality", *arguments)


def test_a_window_is_measured_and_shown(run, world, records_of, environment):
    world.log(world.release(), records_of(use_case("iris"), 100, 1))
    measured = run(environment, "run", *SPAN, "--revise")
    assert measured.returncode == 0, measured.stderr
    assert "not-enough (100 rows, 0 labelled; accuracy - -, gate 0.85)" in measured.stdout
    shown = run(environment, "show", "--json")
    (report,) = json.loads(shown.stdout)
    (stored,) = latest_quality(world.store)
    assert report["report_id"] == stored.report_id
    assert json.loads(run(environment, "show", "--json", "--use-case", "iris").stdout) == [report]
    assert json.loads(run(environment, "show", "--json", "--use-case", "spam").stdout) == []


def test_a_window_without_records_is_no_failure(run, world, environment):
    result = run(environment, "run", *SPAN)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("no live records in 2026-01-05T11:00:00Z")


def test_an_unreadable_log_fails_with_the_reason_on_the_last_line(
    run, world, records_of, environment
):
    path = world.log(world.release(), records_of(use_case("iris"), 20, 1))
    world.store.write(path, b"not Parquet")
    result = run(environment, "run", *SPAN)
    assert result.returncode == 1
    assert "not measured: iris production" in result.stderr.strip().splitlines()[-1]


def test_the_loop_measures_the_quality_of_each_window(world, records_of):
    release, start = world.release(), world.clock.now()
    for hour in range(2):
        at = start + hour * HOUR + timedelta(minutes=20)
        world.log(release, records_of(use_case("iris"), 30, hour), at=at)
    world.clock.advance(timedelta(minutes=10))

    def wait(seconds: float) -> bool:
        world.clock.advance(timedelta(seconds=seconds))
        return world.clock.now() > start + 2.5 * HOUR

    meter = QualityMeter(world.store, world.clock, calibration_rows=1_000)
    quality = QualityJob(meter, {"iris": use_case("iris")}, flush=lambda: None)
    run_loop(world.job(), world.clock, HOUR, HOUR, wait, quality)
    (latest,) = latest_quality(world.store)
    assert (latest.start, latest.rows) == (start + HOUR, 30)
    assert len(list(world.store.list("quality-reports/use_case=iris"))) == 2
