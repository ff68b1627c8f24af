"""One class in most of the answers of a few minutes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drift_detector.detection.dominance import DominancePolicy
from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftVerdict
from use_cases import use_case
from use_cases.testing import variant

EXPECTS = variant(use_case("iris"), expects_every_class=True)
HOUR = timedelta(hours=1)


def run(world, case=EXPECTS, **policy):
    """Return the reports of the last hour with an alarm about a class."""
    job = replace(world.job(), use_cases={"iris": case}, dominance=DominancePolicy(**policy))
    now = world.clock.now()
    outcome = job.run(Window(now - HOUR, now))
    assert outcome.failures == ()
    return [report for report in outcome.reports if report.end - report.start < HOUR]


@pytest.fixture
def release(world):
    release = world.release()
    world.serve(release)
    return release


def answered(world, release, records_of, rows, minutes_ago):
    at = world.clock.now() - timedelta(minutes=minutes_ago)
    world.log(release, records_of(use_case("iris"), rows, minutes_ago), at=at, prediction="setosa")


def test_a_dominant_class_is_harmful_and_requests_retraining(world, release, records_of):
    answered(world, release, records_of, 60, 20)
    (report,) = run(world)
    assert (report.rows, report.verdict) == (60, DriftVerdict.WARNING)
    assert (report.harmful, report.drifted, report.looks) == (True, None, 0)
    assert report.harm == ("100% of the answers are setosa",)
    assert "class-share:setosa" in report.alarms
    assert report.retrain_request
    assert report.end - report.start == timedelta(minutes=15)


@pytest.mark.parametrize("policy", [{"rows": 61}, {"share": 1.0}, {"length": HOUR}])
def test_each_limit_is_a_setting(world, release, records_of, policy):
    answered(world, release, records_of, 60, 20)
    assert run(world, **policy) == []


def test_answers_of_different_minutes_are_not_added_up(world, release, records_of):
    answered(world, release, records_of, 40, 5)
    answered(world, release, records_of, 40, 35)
    assert run(world) == []


def test_a_usual_share_of_each_class_raises_no_alarm(world, release, records_of):
    at = world.clock.now() - timedelta(minutes=5)
    world.log(release, records_of(use_case("iris"), 90, 1), at=at)
    assert run(world) == []


def test_a_use_case_that_does_not_expect_every_class_is_left_alone(world, release, records_of):
    answered(world, release, records_of, 60, 20)
    assert run(world, use_case("iris")) == []


def test_the_report_of_the_hour_is_harmful_as_well(world, release, records_of):
    answered(world, release, records_of, 60, 20)
    world.log(release, records_of(use_case("iris"), 300, 1), at=world.clock.now() - HOUR / 6)
    job = replace(world.job(), use_cases={"iris": EXPECTS})
    now = world.clock.now()
    (hour,) = [r for r in job.run(Window(now - HOUR, now)).reports if r.end - r.start == HOUR]
    assert (hour.rows, hour.harmful) == (360, True)
    assert "class-share:setosa" in hour.alarms
    assert hour.harm == ("100% of the answers are setosa from 11:30 to 11:45 UTC",)


def test_a_check_writes_a_report_only_if_a_class_dominates(world, release, records_of):
    answered(world, release, records_of, 60, 20)
    job = replace(world.job(), use_cases={"iris": EXPECTS, "spam": use_case("spam")})
    now = world.clock.now()
    assert job.check_dominance(now).reports == ()
    (report,) = job.check_dominance(now - timedelta(minutes=15)).reports
    assert (report.end, report.harmful) == (now - timedelta(minutes=15), True)


def test_a_check_without_such_use_cases_does_not_ask_the_gateway(world):
    def flush() -> None:
        raise AssertionError("nothing to measure")

    assert world.job(flush=flush).check_dominance(world.clock.now()).reports == ()


def test_a_short_window_that_is_asked_for_is_tested_for_drift(world, release, records_of):
    now = world.clock.now()
    shifted = records_of(use_case("iris"), 300, 5, 1.0)
    world.log(release, shifted, at=now - timedelta(minutes=2))
    job = replace(world.job(), use_cases={"iris": EXPECTS})
    (report,) = job.run(Window(now - timedelta(minutes=5), now)).reports
    assert (report.verdict, report.drifted, report.looks) == (DriftVerdict.DRIFT, True, 1)
