"""Training of regressions: folds, calibration, evaluation, figures and card of numbers."""

import numpy as np
import pyarrow as pa
import pytest
from rents_release import RENTS, flats, records

from evaluation import NumberPredictions
from platform_core.contracts.release import IntervalRule
from platform_core.errors import InvalidData
from training.card.evaluation import evaluate_answers, labelled_predictions
from training.card.plots import evaluation_plots
from training.search.calibration import calibrated, calibration_rows
from training.search.folds import FOLDS, folds
from training.search.models import answers
from training.search.ranking import ranked
from training.search.threshold import Decision
from training.search.trials import Trial, TrialResult
from use_cases import assemble
from use_cases.testing import fit_default, variant

RULE = IntervalRule(coverage=0.9, below=100, above=130)


def features(rows, seed=5):
    """Generated flats as the features of a dataset version."""
    table = flats(rows, seed)
    made = pa.Table.from_batches([assemble(RENTS, records(table))])
    ids = pa.array([str(number) for number in range(rows)])
    labels = table["rent"].cast(pa.float64())
    for name, column in (("row_id", ids), ("cluster", ids), ("label", labels)):
        made = made.append_column(name, column)
    return made


@pytest.fixture(scope="module")
def model():
    return fit_default(RENTS, RENTS.training().candidates()[0], 300)


def test_folds_of_numbers_keep_clusters_together_and_judge_every_row():
    clusters = np.random.default_rng(0).integers(0, 60, 200).astype(str)
    table = features(200).set_column(2, "cluster", pa.array(clusters))
    made = folds(RENTS, table, seed=1)
    assert len(made) == FOLDS
    assert sorted(np.concatenate([held for _, held in made])) == [*range(200)]
    assert all(not set(clusters[fit]) & set(clusters[held]) for fit, held in made)
    alike = table.set_column(2, "cluster", pa.array(["1", "2"] * 100))
    with pytest.raises(InvalidData, match="form only 2 groups"):
        folds(RENTS, alike, seed=1)


def test_a_fifth_of_the_rows_calibrates_and_is_not_fitted_on():
    clusters = np.random.default_rng(0).integers(0, 300, 500).astype(str)
    table = features(500).set_column(2, "cluster", pa.array(clusters))
    fitted, calibrating = calibration_rows(RENTS, table, seed=1)
    assert sorted([*fitted, *calibrating]) == [*range(500)]
    assert not set(clusters[fitted]) & set(clusters[calibrating])
    assert len(calibrating) == pytest.approx(100, abs=20)
    assert len(calibration_rows(RENTS, features(20_000), seed=1)[1]) == 2_000


def test_calibrated_intervals_hold_the_labels_of_new_rows(model):
    decision = calibrated(RENTS, model, features(500, seed=8))
    assert decision.rule.coverage == 0.9
    assert "500 training rows that the model was not fitted on" in decision.why
    new = features(3_000, seed=9)
    found = evaluate_answers(
        RENTS, new, answers(RENTS, model, new), decision.rule, pa.record_batch([], names=[]), 0
    )
    assert found.metrics["interval_coverage"] == pytest.approx(0.9, abs=0.04)
    with pytest.raises(InvalidData, match="need 19 rows"):
        calibrated(RENTS, model, features(18))


def test_an_evaluation_of_numbers_has_metrics_answers_and_figures(model):
    rows = features(200, seed=9)
    kinds = RENTS.training().slices(records(flats(200, 9)))
    found = evaluate_answers(RENTS, rows, answers(RENTS, model, rows), RULE, kinds, seed=0)
    assert {"mae", "rmse", "r2", "rmse_low", "mae_high"} <= set(found.metrics)
    assert "interval_width_low" not in found.metrics, "all intervals are as wide as each other"
    assert "calibration_error" not in found.metrics
    assert {one.name for one in found.slices} == {"centre", "north", "south"}
    again = labelled_predictions(RENTS, found.answers)
    assert isinstance(again, NumberPredictions)
    np.testing.assert_allclose(again.high - again.predictions, 130)
    plots = evaluation_plots(RENTS, found.answers, RULE)
    assert set(plots) == {"predicted_actual.svg", "residuals.svg", "residual_distribution.svg"}


def result(number, score, folds):
    decision = Decision(RULE, "")
    return TrialResult(
        Trial(number, "line", {}), score, folds, 0.5, 1.0, decision, lower_is_better=True
    )


def test_the_lowest_error_is_the_best():
    worse, best = result(0, 9.0, (9.0, 9.1, 8.9)), result(1, 4.0, (4.0, 4.1, 3.9))
    assert [one.score for one in ranked([worse, best])] == [4.0, 9.0]


def test_rows_of_too_few_groups_do_not_calibrate(model):
    strict = variant(RENTS, training={"coverage": 0.99})
    with pytest.raises(InvalidData, match=r"coverage of 0\.99 need 199 rows"):
        calibrated(strict, model, features(100))
