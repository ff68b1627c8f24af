"""Quality reports of live traffic: metrics, methods, late labels and what does not count."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from drift_detector.detection import Target
from drift_detector.quality import estimated_quality
from drift_detector.quality.job import QualityJob
from drift_detector.quality.measure import QualityMeter
from drift_detector.quality.stored import stored_quality
from drift_detector.window import Window
from evaluation.quality import class_cells
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.quality_report import (
    QualityEstimate,
    QualityMethod,
    QualityReport,
    QualityVerdict,
)
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import UnknownUseCase, UpstreamUnavailable
from platform_core.parquet import write_table
from platform_core.reports.quality import latest_quality
from platform_core.storage import LINEAGE_FILE, label_object_path, release_path
from records import label_table, read_log
from scoring import load_lineage
from use_cases import use_case

HOUR = timedelta(hours=1)
PRODUCTION = Environment.PRODUCTION


def job(world, **changes) -> QualityJob:
    parts = {
        "meter": QualityMeter(world.store, world.clock, calibration_rows=1_000),
        "use_cases": {name: use_case(name) for name in ("iris", "spam")},
        "flush": lambda: None,
    }
    return QualityJob(**parts | changes)


def last_hour(world) -> Window:
    return Window(world.clock.now() - HOUR, world.clock.now())


def send_labels(
    world, window: Window, count: int, accuracy: float, *, name: str = "iris", segment: str = "a"
) -> None:
    """Label the first `count` records of a window, so that this share of answers is correct."""
    case = use_case(name)
    span = (window.start, window.end)
    batches = read_log(
        world.store, name, "production", *span, ["prediction_id", "prediction", "time"]
    )
    rows = [row for batch in batches for row in batch.to_pylist()][:count]
    labels = []
    for number, row in enumerate(rows):
        wrong = (number + 1) * (1 - accuracy) // 1 > number * (1 - accuracy) // 1
        others = [one for one in case.classes if one != row["prediction"]]
        labels.append(
            PredictionLabel(
                prediction_id=row["prediction_id"],
                use_case=name,
                label=others[0] if wrong else row["prediction"],
                known_at=world.clock.now(),
                said_by="test",
                received_at=world.clock.now(),
            )
        )
    at: datetime = rows[0]["time"]
    write_table(world.store, label_object_path(name, at, segment), label_table(case, labels))


def accuracy_of(report: QualityReport):
    (found,) = [one for one in report.metrics if one.metric == "accuracy"]
    return found


@pytest.fixture
def served(world, records_of: Callable) -> str:
    """A release with 400 live records in the last hour."""
    release = world.release()
    world.log(release, records_of(use_case("iris"), 400, 1))
    return release


def test_without_labels_and_calibration_nothing_is_stated(world, served):
    (report,) = job(world).run(last_hour(world)).reports
    assert report.verdict is QualityVerdict.NOT_ENOUGH
    assert (report.rows, report.labelled, report.revision) == (400, 0, 1)
    found = accuracy_of(report)
    assert (found.method, found.estimate, found.needed) == (QualityMethod.NOT_ENOUGH, None, 20)
    assert report.gates == (QualityEstimate("accuracy", None, None, None, 0.85),)
    assert latest_quality(world.store) == [report]


def test_all_labels_measure_the_window(world, served):
    send_labels(world, last_hour(world), 400, accuracy=0.95)
    (report,) = job(world).run(last_hour(world)).reports
    found = accuracy_of(report)
    assert (found.method, found.estimate) == (QualityMethod.LABELS, pytest.approx(0.95))
    assert report.verdict is QualityVerdict.OK
    assert found.low is not None
    assert found.low > 0.85


def test_wrong_answers_are_below_the_gate(world, served):
    send_labels(world, last_hour(world), 300, accuracy=0.5)
    (report,) = job(world).run(last_hour(world)).reports
    assert report.verdict is QualityVerdict.BELOW_GATE
    worst = estimated_quality(report, use_case("iris").training().gates)
    assert worst is not None
    assert worst.is_below_gate
    assert worst == report.gates[0]


def test_few_labels_leave_the_verdict_open(world, served):
    send_labels(world, last_hour(world), 25, accuracy=0.8)
    (report,) = job(world).run(last_hour(world)).reports
    assert report.verdict is QualityVerdict.UNDECIDED
    assert accuracy_of(report).labelled == 25


def test_earlier_labels_calibrate_a_window_without_any(world, served, records_of):
    send_labels(world, last_hour(world), 400, accuracy=0.6)
    quality = job(world)
    quality.run(last_hour(world))
    world.clock.advance(HOUR)
    world.log(
        served, records_of(use_case("iris"), 300, 2), at=world.clock.now() - timedelta(minutes=5)
    )
    (report,) = quality.run(last_hour(world)).reports
    found = accuracy_of(report)
    assert (found.method, found.labelled) == (QualityMethod.ESTIMATED, 0)
    assert report.calibrated_on == 400
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.6 < found.high


def test_labels_that_take_as_long_as_they_may_still_calibrate(world, served, records_of):
    send_labels(world, last_hour(world), 400, accuracy=0.6)
    quality = job(world)
    quality.run(last_hour(world))
    world.clock.advance(use_case("iris").label_maturity + timedelta(days=5))
    world.log(
        served, records_of(use_case("iris"), 300, 2), at=world.clock.now() - timedelta(minutes=5)
    )
    (report,) = quality.run(last_hour(world)).reports
    assert (accuracy_of(report).method, report.calibrated_on) == (QualityMethod.ESTIMATED, 400)


def test_a_report_holds_the_mean_logits_of_all_its_rows(world, served):
    send_labels(world, last_hour(world), 30, accuracy=0.9)
    (report,) = job(world).run(last_hour(world)).reports
    case, span = use_case("iris"), (last_hour(world).start, last_hour(world).end)
    columns = [f"probability.{name}" for name in case.classes]
    batches = list(read_log(world.store, "iris", "production", *span, columns))
    for name, column in zip(case.classes, columns, strict=True):
        given = np.concatenate([batch.column(column).to_numpy() for batch in batches])
        assert len(given) == 400
        kept = np.clip(given, 1e-6, 1 - 1e-6)
        expected = np.log(kept / (1 - kept)).mean()
        assert report.mean_logits[name] == pytest.approx(expected, abs=1e-5)


def test_the_test_rows_of_the_release_calibrate_a_window_without_labels(world, served):
    case, lineage = use_case("iris"), load_lineage(world.store, "iris", served)
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([0.2, 0.2, 0.2], 300)
    labels = np.array([random.choice(3, p=row) for row in probabilities])
    cells = class_cells(case.classes, probabilities, labels)
    known = lineage.model_copy(update={"calibration": tuple(cells)})
    path = release_path("iris", served, LINEAGE_FILE)
    world.store.write(path, known.model_dump_json().encode())
    (report,) = job(world).run(last_hour(world)).reports
    found = accuracy_of(report)
    assert (found.method, report.calibrated_on) == (QualityMethod.ESTIMATED, 300)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.estimate < found.high


def test_late_labels_revise_the_report(world, served):
    quality, window = job(world), last_hour(world)
    (before,) = quality.run(window).reports
    assert quality.revise().reports == []
    assert quality.run(window).reports == [before]
    world.clock.advance(timedelta(days=2))
    assert quality.revise().reports == []
    send_labels(world, window, 200, accuracy=0.9)
    (after,) = quality.revise().reports
    assert (after.report_id, after.revision) == (before.report_id, 2)
    assert after.created_at == world.clock.now()
    assert after.labelled == 200
    assert quality.revise().reports == []


def test_a_window_matures(world, served):
    quality = job(world)
    (report,) = quality.run(last_hour(world)).reports
    assert not report.mature
    quality.revise()
    world.clock.advance(use_case("iris").label_maturity + timedelta(days=2))
    (later,) = quality.revise().reports
    assert later.mature


def test_only_live_records_count(world, served, records_of):
    for purpose in ("smoke", "drill"):
        world.log(served, records_of(use_case("iris"), 50, 3), purpose=purpose)
    (report,) = job(world).run(last_hour(world)).reports
    assert report.rows == 400


def test_each_role_has_its_own_report(world, served, records_of):
    other = world.release(seed=1)
    world.log(other, records_of(use_case("iris"), 60, 5), role="shadow")
    reports = job(world).run(last_hour(world), "iris", PRODUCTION).reports
    assert {(one.release_id, one.role, one.rows) for one in reports} == {
        (served, ServingRole.STABLE, 400),
        (other, ServingRole.SHADOW, 60),
    }
    assert {one.role for one in latest_quality(world.store)} == set(ServingRole) - {
        ServingRole.CANARY
    }


def test_records_from_before_roles_are_those_of_the_stable_release(world, records_of):
    world.log(world.release(), records_of(use_case("iris"), 50, 1), without=("role",))
    (report,) = job(world).run(last_hour(world)).reports
    assert (report.role, report.rows) == (ServingRole.STABLE, 50)


def test_records_without_probabilities_are_left_out_and_counted(world, served, records_of):
    columns = tuple(f"probability.{name}" for name in use_case("iris").classes)
    world.log(served, records_of(use_case("iris"), 30, 6), without=columns)
    (report,) = job(world).run(last_hour(world)).reports
    assert report.rows == 400
    assert report.detail.startswith("30 rows are left out")


def test_slices_are_measured_apart(world, records_of):
    release = world.release("spam")
    world.log(release, records_of(use_case("spam"), 200, 1), name="spam")
    send_labels(world, last_hour(world), 200, accuracy=0.9, name="spam")
    (report,) = job(world).run(last_hour(world)).reports
    lengths = [part for part in report.slices if part.kind == "length"]
    assert sum(part.rows for part in lengths) == 200
    assert {one.metric for one in lengths[0].metrics} == {"f1", "false_positive_rate", "recall"}


def test_an_hour_without_records_has_no_report(world):
    world.serve(world.release())
    outcome = job(world).run(last_hour(world))
    assert (outcome.reports, outcome.failures) == ([], [])
    assert job(world).revise().failures == []
    assert list(world.store.list("quality-reports")) == []


def test_an_unreadable_log_is_a_failure_of_its_target_alone(world, served, records_of):
    path = world.log(world.release("spam"), records_of(use_case("spam"), 20, 1), name="spam")
    world.store.write(path, b"not Parquet")
    outcome = job(world).run(last_hour(world))
    assert [report.use_case for report in outcome.reports] == ["iris"]
    assert len(outcome.failures) == 1
    assert "spam production" in outcome.failures[0]


def test_a_gateway_that_cannot_flush_does_not_stop_the_job(world, served):
    def flush() -> None:
        raise UpstreamUnavailable("no gateway")

    assert len(job(world, flush=flush).run(last_hour(world)).reports) == 1


def test_an_unknown_use_case_is_refused(world):
    with pytest.raises(UnknownUseCase, match="installed are iris, spam"):
        job(world).run(last_hour(world), "weather")


def test_the_stored_report_tells_what_is_known_about_the_gates(world, served):
    window, target = last_hour(world), Target(use_case("iris"), PRODUCTION)
    known = stored_quality(world.store)
    assert known(target, served, window) == ()
    (report,) = job(world).run(window).reports
    assert known(target, served, window) == report.gates
