"""Verdicts on logged traffic: drift, no drift and insufficient data."""

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detector.window import Window
from evaluation.drift import SequentialTest
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from use_cases import use_case

NUMBERS = ("psi", "psi_limit", "ks", "ks_p_value", "jensen_shannon", "e_value")
TOLERANT = {"test": SequentialTest(tolerance=0.9)}


def measure(world, name="iris", environment="production", hours=1, **changes) -> list[DriftReport]:
    """Measure the last `hours` hours without failures."""
    now = world.clock.now()
    outcome = world.job(**changes).run(
        Window(now - timedelta(hours=hours), now), name, Environment(environment)
    )
    assert outcome.failures == ()
    return list(outcome.reports)


def columns(report: DriftReport) -> dict:
    return {column.column: column for column in report.columns}


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_held_out_rows_do_not_drift_and_shifted_rows_do(world, records_of, name):
    case = use_case(name)
    release = world.release(name)
    world.serve(release, name=name)
    for seed in (1, 2):
        world.log(release, records_of(case, 400, seed), name=name)
    (report,) = measure(world, name)
    assert report.verdict is DriftVerdict.OK, report
    assert (report.release_id, report.rows, report.alarms) == (release, 800, ())
    assert report.score < 0.2
    assert sum(report.class_shares.values()) == pytest.approx(1)

    world.clock.advance(timedelta(hours=1))
    at = world.clock.now() - timedelta(minutes=5)
    world.log(release, records_of(case, 500, 3, drift=1.0), name=name, at=at)
    (report,) = measure(world, name)
    assert report.verdict is DriftVerdict.DRIFT
    assert report.score > 0.2
    assert report.score == max(c.psi for c in report.columns)
    drifted = {c.column for c in report.columns if c.verdict is DriftVerdict.DRIFT}
    assert {f"drift:{name}" for name in drifted} <= set(report.alarms)
    if name == "iris":
        assert {"petal_length", "petal_width"} <= drifted
        assert not {"sepal_length", "sepal_width"} & drifted


def test_every_column_carries_its_statistics(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1))
    (report,) = measure(world)
    found = columns(report)
    assert list(found)[-2:] == ["score", "prediction"]
    for column in report.columns:
        assert column.rows == 300
        assert column.missing_share == 0
        assert column.psi_limit >= 0.2
        assert (column.ks is None) == (column.kind == "categorical")
        assert len(column.bins) == len(column.baseline_counts) == len(column.counts)
        assert sum(column.baseline_counts) > 0
    assert found["petal_length"].ks_p_value > 0.01


def test_a_window_without_traffic_has_no_numbers(world):
    release = world.release()
    world.serve(release)
    (report,) = measure(world)
    assert report.verdict is DriftVerdict.INSUFFICIENT_DATA
    assert (report.release_id, report.rows, report.score) == (release, 0, None)
    assert (report.columns, report.class_shares, report.alarms) == ((), {}, ())
    assert "no live traffic" in report.detail


def test_without_release_and_traffic_the_report_has_no_release(world):
    (report,) = measure(world)
    assert report.release_id is None
    assert report.verdict is DriftVerdict.INSUFFICIENT_DATA


def test_few_rows_are_insufficient_data_even_if_they_differ(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 199, 1, drift=1.0))
    (report,) = measure(world)
    assert report.verdict is DriftVerdict.INSUFFICIENT_DATA
    assert (report.rows, report.score, report.class_shares) == (199, None, {})
    assert "199 rows" in report.detail
    assert all(getattr(c, number) is None for c in report.columns for number in NUMBERS)


def test_each_release_that_answered_has_its_own_report(world, records_of):
    case = use_case("iris")
    before, after = world.release(seed=0), world.release(seed=1)
    world.log(before, records_of(case, 300, 1, drift=1.0))
    world.log(after, records_of(case, 400, 2))
    reports = {report.release_id: report for report in measure(world)}
    assert reports[before].verdict is DriftVerdict.DRIFT
    assert reports[after].verdict is DriftVerdict.OK
    assert (reports[before].rows, reports[after].rows) == (300, 400)


@pytest.mark.parametrize("purpose", ["smoke", "drill"])
def test_only_live_traffic_counts(world, records_of, purpose):
    case = use_case("iris")
    release = world.release()
    world.log(release, records_of(case, 300, 1))
    world.log(release, records_of(case, 900, 2, drift=1.0), purpose=purpose)
    (report,) = measure(world)
    assert (report.rows, report.verdict) == (300, DriftVerdict.OK)


def test_smoke_requests_are_not_traffic(world, records_of):
    release = world.release()
    world.serve(release)
    world.log(release, records_of(use_case("iris"), 300, 1), purpose="smoke")
    (report,) = measure(world)
    assert (report.rows, report.verdict) == (0, DriftVerdict.INSUFFICIENT_DATA)


def test_environments_are_measured_separately(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.log(release, records_of(case, 300, 1))
    world.log(release, records_of(case, 300, 2, drift=1.0), environment="staging")
    assert measure(world)[0].verdict is DriftVerdict.OK
    assert measure(world, environment="staging")[0].verdict is DriftVerdict.DRIFT


def test_one_class_for_all_records_is_an_alarm(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1), prediction="setosa")
    (report,) = measure(world)
    assert report.class_shares == {"setosa": 1.0, "versicolor": 0.0, "virginica": 0.0}
    assert "class-share:setosa" in report.alarms
    assert (report.harmful, report.harm) == (True, ("100% of the answers are setosa",))


def test_a_class_that_is_as_common_in_the_baseline_is_not_an_alarm(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 600, 1))
    (report,) = measure(world, policy={"max_class_share": 0.2})
    assert not any(alarm.startswith("class-share") for alarm in report.alarms)


def test_more_missing_values_are_an_alarm(world, records_of):
    case = use_case("spam")
    release = world.release("spam")
    unknown = pa.record_batch(
        [pa.nulls(300, pa.float64()) for _ in case.entity_features.names],
        names=list(case.entity_features.names),
    )
    world.log(release, records_of(case, 300, 1), name="spam", entities=unknown)
    (report,) = measure(world, "spam", policy={"psi_drift": 99.0, "psi_warning": 99.0})
    assert report.verdict is DriftVerdict.WARNING
    for name in case.entity_features.names:
        assert f"missing:{name}" in report.alarms
        column = columns(report)[name]
        assert (column.missing_share, column.psi, column.rows) == (1.0, None, 0)
        assert column.baseline_missing_share == pytest.approx(0.2, abs=0.05)
        assert "100% of the values are missing" in column.detail


def test_a_column_that_the_log_lacks_is_missing_not_zero(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1), without=("features",))
    (report,) = measure(world)
    column = columns(report)["petal_length"]
    assert (column.missing_share, column.psi) == (1.0, None)
    assert "missing:petal_length" in report.alarms
    assert report.verdict is DriftVerdict.WARNING


def test_the_window_drifts_if_enough_columns_do(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 400, 1, drift=1.0))
    (report,) = measure(world)
    drifting = [c for c in report.columns if c.verdict is DriftVerdict.DRIFT]
    assert measure(world, policy={"min_columns": len(drifting)})[0].verdict is DriftVerdict.DRIFT
    (report,) = measure(world, policy={"min_columns": len(drifting) + 1})
    assert report.verdict is DriftVerdict.WARNING


def test_a_moderate_difference_is_a_warning(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 800, 1, drift=1.0))
    (report,) = measure(world, policy=TOLERANT)
    assert (report.verdict, report.drifted) == (DriftVerdict.WARNING, False)
    (report,) = measure(world, policy={**TOLERANT, "psi_warning": 99.0})
    assert (report.verdict, report.drifted) == (DriftVerdict.OK, False)


def test_undrifted_windows_seldom_alarm(world, records_of):
    """Sixty windows of 200 to 500 rows: at alpha = 1 % none or one is expected to alarm, and PSI
    above 0.2 is rarer still; three would mean that the limits do not hold."""
    case = use_case("iris")
    release = world.release()
    verdicts = []
    for number in range(60):
        world.clock.advance(timedelta(hours=1))
        at = world.clock.now() - timedelta(minutes=1)
        world.log(release, records_of(case, 200 + 5 * number, 10_000 + number), at=at)
        verdicts.append(measure(world)[0].verdict)
    assert verdicts.count(DriftVerdict.DRIFT) == 0
    assert verdicts.count(DriftVerdict.OK) >= 57


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([1, 150, 250]))
def test_reports_are_json_without_nan(shared_world, records_of, seed, drift, rows):
    release, world = shared_world
    world.clock.advance(timedelta(hours=1))
    at = world.clock.now() - timedelta(minutes=1)
    world.log(release, records_of(use_case("iris"), rows, seed, drift), at=at)
    (report,) = measure(world)
    text = report.model_dump_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert DriftReport.model_validate_json(text) == report


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory, new_world):
    world = new_world(LocalBlobStore(tmp_path_factory.mktemp("store")))
    return world.release(), world
