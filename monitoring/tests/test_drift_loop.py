"""The loop measures every window once, also after failures."""

import logging
from collections import Counter
from datetime import timedelta

import pytest

from drift_detector.loop import run_loop
from platform_core.contracts.drift_report import DriftVerdict
from platform_core.drift_reports import latest_reports, read_reports
from platform_core.storage import drift_report_folder
from use_cases import use_case
from use_cases.testing import variant

HOUR = timedelta(hours=1)


def run_until(world, job, end) -> None:
    """Run the loop on a clock that advances while the loop waits."""

    def wait(seconds: float) -> bool:
        world.clock.advance(timedelta(seconds=seconds))
        return world.clock.now() > end

    run_loop(job, world.clock, HOUR, HOUR, wait)


def test_windows_have_no_gaps(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.serve(release)
    start = world.clock.now()
    for hour in range(3):
        at = start + hour * HOUR + timedelta(minutes=20)
        world.log(release, records_of(case, 200, hour), at=at)
    world.clock.advance(timedelta(minutes=10))
    run_until(world, world.job(), start + 3.5 * HOUR)
    reports = [
        report
        for hour in (1, 2, 3)
        for report in read_reports(
            world.store, drift_report_folder("iris", "production", start + hour * HOUR)
        )
    ]
    assert [(r.start, r.end) for r in reports] == [
        (start + hour * HOUR, start + (hour + 1) * HOUR) for hour in range(3)
    ]
    assert {r.verdict for r in reports} == {DriftVerdict.OK}


def test_an_error_is_logged_and_the_next_window_is_measured(world, caplog):
    calls = Counter()

    def flush() -> None:
        calls["flush"] += 1
        if calls["flush"] == 1:
            raise RuntimeError("a defect")

    world.serve(world.release())
    start = world.clock.now()
    with caplog.at_level(logging.INFO, logger="drift_detector"):
        run_until(world, world.job(flush=flush), start + 2.5 * HOUR)
    assert any("a defect" in (r.exc_text or str(r.exc_info)) for r in caplog.records)
    first = read_reports(world.store, drift_report_folder("iris", "production", start + HOUR))
    assert first == [], "after an error there is no report"
    assert latest_reports(world.store)[0].end == start + 2 * HOUR


def test_windows_that_became_due_during_a_long_one_are_measured(world):
    world.serve(world.release())
    start = world.clock.now()
    slow = iter([3 * HOUR])

    def flush() -> None:
        world.clock.advance(next(slow, timedelta()))

    run_until(world, world.job(flush=flush), start + 4.5 * HOUR)
    ends = {
        report.end
        for hour in range(1, 5)
        for report in read_reports(
            world.store, drift_report_folder("iris", "production", start + hour * HOUR)
        )
    }
    assert ends == {start + hour * HOUR for hour in range(1, 5)}


def test_a_dominant_class_is_found_between_the_windows(world, records_of):
    release = world.release()
    world.serve(release)
    case = variant(use_case("iris"), expects_every_class=True)
    start = world.clock.now()
    at = start + timedelta(minutes=20)
    world.log(release, records_of(case, 60, 1), at=at, prediction="setosa")
    run_until(world, world.job(use_cases={"iris": case}), start + timedelta(minutes=31))
    (report,) = latest_reports(world.store)
    assert (report.start, report.end) == (start + HOUR / 4, start + HOUR / 2)
    assert report.harmful


@pytest.mark.parametrize("waits", [1, 3])
def test_the_loop_ends_when_wait_returns_true(world, waits):
    left = iter([False] * (waits - 1) + [True])
    run_loop(world.job(), world.clock, HOUR, HOUR, lambda _: next(left))
    assert list(left) == []
