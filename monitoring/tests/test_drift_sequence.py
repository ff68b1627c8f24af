"""The sequential test over the reports of a release, and the two statements of a report."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from drift_detector.detection.sequence import column_weights
from drift_detector.quality.job import QualityJob
from drift_detector.quality.measure import QualityMeter
from drift_detector.quality.stored import stored_quality
from drift_detector.window import Window
from evaluation.drift import SequentialTest
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityEstimate
from platform_core.drift_reports import latest_reports
from use_cases import use_case
from use_cases.testing import variant

HOUR = timedelta(hours=1)


def mixed(records_of, drifted: float, seed: int, rows: int = 400) -> pa.RecordBatch:
    """Records of which a share comes from the drifted distribution, in random order."""
    parts = [
        records_of(use_case("iris"), max(count, 1), seed, drift)
        for count, drift in ((round(rows * (1 - drifted)), 0.0), (round(rows * drifted), 1.0))
    ]
    order = np.random.default_rng(seed).permutation(sum(part.num_rows for part in parts))
    return pa.concat_batches(parts).take(pa.array(order))


def hour(world, release, records, **columns) -> DriftReport:
    """Log records in the next hour and measure it."""
    world.clock.advance(HOUR)
    world.log(release, records, at=world.clock.now() - timedelta(minutes=1), **columns)
    return measure(world)


def measure(world, **changes) -> DriftReport:
    now = world.clock.now()
    window = Window(now - HOUR, now)
    (report,) = world.job(**changes).run(window, "iris", Environment.PRODUCTION).reports
    return report


def e_values(report: DriftReport) -> dict:
    return {column.column: column.e_value for column in report.columns}


def test_a_small_difference_drifts_after_several_windows(world, records_of):
    """A third of the shift in windows of 200 rows: one window is not enough."""
    release = world.release()
    reports = [hour(world, release, mixed(records_of, 0.15, n, rows=200)) for n in range(8)]
    drifted = [report.drifted for report in reports]
    assert [report.looks for report in reports] == list(range(1, 9))
    assert drifted[0] is False
    assert drifted[-1] is True
    assert reports[-1].verdict is DriftVerdict.DRIFT


def test_the_test_continues_from_the_stored_reports(world, records_of):
    release, other = world.release(seed=0), world.release(seed=1)
    first = hour(world, release, mixed(records_of, 0.3, 1))
    second = hour(world, release, mixed(records_of, 0.3, 2))
    assert second.looks == 2
    assert e_values(second)["petal_width"] > e_values(first)["petal_width"]
    # A process that starts with an empty memory computes the same.
    assert e_values(measure(world)) == e_values(second)
    # Another release has a test of its own.
    assert hour(world, other, mixed(records_of, 0.3, 3)).looks == 1
    assert hour(world, release, mixed(records_of, 0.3, 4)).looks == 3


def test_a_late_record_changes_every_later_test(world, records_of):
    release = world.release()
    hour(world, release, mixed(records_of, 0.0, 1))
    second = hour(world, release, mixed(records_of, 0.05, 2))
    at = world.clock.now() - HOUR - timedelta(minutes=1)
    world.log(release, mixed(records_of, 1.0, 3), at=at)
    world.job().revise()
    revised = measure(world)
    assert (second.drifted, revised.drifted, revised.looks) == (False, True, 2)


def test_overlapping_windows_are_counted_once(world, records_of):
    release = world.release()
    hour(world, release, mixed(records_of, 0.0, 1))
    now = world.clock.now()
    half = Window(now - HOUR / 2, now)
    (report,) = world.job().run(half, "iris", Environment.PRODUCTION).reports
    assert report.looks == 1
    assert hour(world, release, mixed(records_of, 0.0, 2)).looks == 2


def test_a_report_says_what_moved(world, records_of):
    report = hour(world, world.release(), mixed(records_of, 1.0, 1))
    columns = {column.column: column for column in report.columns}
    moved = columns["petal_width"].moved[0]
    assert moved.values.startswith(("up to ", "below "))
    assert abs(moved.share - moved.baseline_share) > 0.1
    prediction = columns["prediction"]
    if prediction.drifted:
        assert {m.values for m in prediction.moved} <= {"setosa", "versicolor", "virginica"}
    assert all(not column.moved for column in report.columns if not column.drifted)


def test_dependent_records_are_less_evidence(world, records_of):
    """Half of the records are drifted: in random order, or in one run each."""
    release = world.release()
    shuffled = hour(world, release, mixed(records_of, 0.5, 1))
    parts = mixed(records_of, 0.0, 1, 200), mixed(records_of, 1.0, 2, 200)
    world.clock.advance(timedelta(days=40))
    ordered = hour(world, release, pa.concat_batches(parts))
    effects = [
        {c.column: c.design_effect for c in report.columns} for report in (shuffled, ordered)
    ]
    assert effects[0]["petal_width"] < 2 < effects[1]["petal_width"]
    assert e_values(ordered)["petal_width"] < e_values(shuffled)["petal_width"]


def test_shadow_records_count_only_for_a_release_that_gave_no_answer(world, records_of):
    stable, shadow = world.release(seed=0), world.release(seed=1)
    at = world.clock.now() - timedelta(minutes=5)
    world.log(stable, mixed(records_of, 0.0, 1), at=at, role="stable")
    world.log(stable, mixed(records_of, 1.0, 2), at=at, role="shadow")
    world.log(shadow, mixed(records_of, 0.0, 3), at=at, role="shadow")
    now = world.clock.now()
    outcome = world.job().run(Window(now - HOUR, now), "iris", Environment.PRODUCTION)
    found = {r.release_id: (r.role, r.rows, r.drifted) for r in outcome.reports}
    assert found[stable][:2] == ("stable", pytest.approx(400, abs=2))
    assert found[shadow][:2] == ("shadow", pytest.approx(400, abs=2))
    assert found[stable][2] is False
    # The report of the environment is that of the stable release.
    assert latest_reports(world.store)[0].release_id == stable


@pytest.mark.parametrize(
    ("columns", "role"),
    [({}, "stable"), ({"role": "canary"}, "canary"), ({"without": ("role",)}, "stable")],
)
def test_the_role_of_the_records_is_reported(world, records_of, columns, role):
    report = hour(world, world.release(), mixed(records_of, 0.0, 1), **columns)
    assert (report.role, report.drifted) == (role, False)


GATE = {"metric": "f1", "limit": 0.8}
BELOW = QualityEstimate(estimate=0.6, low=0.5, high=0.7, **GATE)
ABOVE = QualityEstimate(estimate=0.9, low=0.85, high=0.95, **GATE)
BETWEEN = QualityEstimate(estimate=0.8, low=0.7, high=0.9, **GATE)
UNKNOWN = QualityEstimate(estimate=None, low=None, high=None, **GATE)


@pytest.mark.parametrize(
    ("quality", "harmful"),
    [
        ((), None),
        ((UNKNOWN,), None),
        ((BETWEEN,), None),
        ((ABOVE,), False),
        ((ABOVE, UNKNOWN), None),
        ((ABOVE, BELOW), True),
    ],
)
def test_harm_is_quality_below_a_gate(world, records_of, quality, harmful):
    release = world.release()
    world.log(release, mixed(records_of, 0.0, 1), at=world.clock.now() - timedelta(minutes=1))
    detector = replace(world.job().detector, quality=lambda *_: quality)
    job = world.job(detector=detector)
    now = world.clock.now()
    (report,) = job.run(Window(now - HOUR, now), "iris", Environment.PRODUCTION).reports
    assert (report.harmful, report.drifted, report.quality) == (harmful, False, quality)
    assert (report.alarms == ("quality:f1",)) == bool(harmful)
    if harmful:
        assert report.harm == ("f1 is between 0.5 and 0.7, its gate is 0.8",)
        assert report.retrain_request
    assert DriftReport.model_validate_json(report.model_dump_json()) == report


def test_a_use_case_names_its_score(world, records_of):
    case = variant(use_case("iris"), drift_score="jensen_shannon")
    world.log(world.release(), mixed(records_of, 0.5, 1), at=world.clock.now() - HOUR / 2)
    report = measure(world, use_cases={"iris": case})
    assert report.score_name == "jensen_shannon"
    assert report.score == max(c.jensen_shannon for c in report.columns)
    assert use_case("churn").drift_score == "jensen_shannon"


def test_columns_share_the_error_rate():
    weights = column_weights(["a", "b", "c", "score", "prediction"])
    assert weights == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 4, 1 / 4])
    assert column_weights(["score", "prediction"]) == [1 / 2, 1 / 2]
    assert sum(column_weights(["a", "prediction"])) == 1


def test_a_tolerance_is_a_setting(world, records_of):
    release = world.release()
    drifted = [hour(world, release, mixed(records_of, 1.0, 1)).drifted]
    tolerant = {"test": SequentialTest(tolerance=0.9)}
    drifted.append(measure(world, policy=tolerant).drifted)
    assert drifted == [True, False]


def test_the_quality_report_of_the_window_decides_about_harm(world, records_of):
    release = world.release()
    now = world.clock.now()
    world.log(release, mixed(records_of, 0.0, 1), at=now - timedelta(minutes=1))
    detector = world.job().detector
    window = Window(now - HOUR, now)
    meter = QualityMeter(world.store, world.clock, 1000)
    (measured,) = QualityJob(meter, {"iris": use_case("iris")}, lambda: None).run(
        window, "iris", Environment.PRODUCTION
    ).reports  # fmt: skip
    detector = replace(detector, quality=stored_quality(world.store))
    (report,) = world.job(detector=detector).run(window, "iris", Environment.PRODUCTION).reports
    assert report.quality == measured.gates
    assert report.quality
