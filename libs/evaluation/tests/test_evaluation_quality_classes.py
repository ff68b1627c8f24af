"""The quality of a window of classifications, on simulated models with known quality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.quality import (
    MIN_CALIBRATION_ROWS,
    MIN_TRIALS,
    ClassCalibrator,
    ClassScores,
    ClassWindow,
    class_cells,
    class_quality,
    powered_mean,
    share_interval,
)
from platform_core.contracts.quality_report import QualityMethod

CLASSES = ("ham", "spam")
UNKNOWN = -1


def answers(random: np.random.Generator, rows: int, sharpness: float = 1.5):
    """Return the scores of a calibrated model and the labels [rows]."""
    logits = random.normal(-0.5, 2 * sharpness, rows)
    spam = 1 / (1 + np.exp(-logits))
    labels = (random.random(rows) < spam).astype(np.int64)
    return ClassScores((spam >= 0.5).astype(np.int64), np.column_stack([1 - spam, spam]), 1), labels


def with_labels(scores: ClassScores, labels: np.ndarray, known: int) -> ClassWindow:
    """Return a window of which the first `known` rows have their label."""
    return ClassWindow(scores, np.where(np.arange(len(labels)) < known, labels, UNKNOWN))


def calibrated(random: np.random.Generator, rows: int) -> ClassCalibrator:
    scores, labels = answers(random, rows)
    cells = class_cells(CLASSES, scores.probabilities, labels)
    return ClassCalibrator.unfitted(2).fitted(cells, CLASSES)


def by_metric(window: ClassWindow, calibrator: ClassCalibrator):
    return {one.metric: one for one in class_quality(window, calibrator)}


def test_the_share_interval_is_wilsons():
    interval = share_interval(0.8, 10)
    assert (interval.low, interval.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_a_share_lies_in_its_interval(share, trials):
    interval = share_interval(share, trials)
    assert 0 <= interval.low <= share + 1e-12
    assert share - 1e-12 <= interval.high <= 1


def test_intervals_of_a_powered_mean_cover_and_are_narrower():
    random, covered, gains = np.random.default_rng(0), 0, []
    for _ in range(300):
        truth = random.normal(3, 1, 1_200)
        predicted = truth + random.normal(0, 0.5, 1_200) + 5  # biased, and correlated
        mean = powered_mean(truth[:200], predicted[:200], predicted[200:])
        estimate = truth[:200].mean() + mean.shift
        covered += abs(estimate - 3) <= 1.96 * mean.variance**0.5
        gains.append(mean.gain)
    assert covered >= 0.91 * 300
    assert np.mean(gains) > 2


def test_useless_predictions_leave_the_labels_alone():
    random = np.random.default_rng(1)
    truth, opposite = random.normal(size=200), random.normal(size=1_200)
    opposite[:200] = -truth
    mean = powered_mean(truth, opposite[:200], opposite[200:])
    assert (mean.power, mean.shift, mean.gain) == (0, 0, 1)
    assert mean.variance == mean.classic
    constant = powered_mean(truth, np.ones(200), np.ones(1_000))
    assert constant.power == 0


def test_two_hundred_labels_cover_and_are_never_wider_than_alone():
    random, covered, ratios = np.random.default_rng(2), 0, []
    scores, labels = answers(random, 20_000)
    truth = (scores.predictions == labels).mean()
    calibrator = ClassCalibrator.unfitted(2)
    for _ in range(200):
        rows = random.choice(len(labels), 2_000, replace=False)
        window = with_labels(scores.take(rows), labels[rows], 200)
        (found,) = class_quality(window, calibrator, ["accuracy"])
        (alone,) = class_quality(window.take(np.arange(200)), calibrator, ["accuracy"])
        assert found.low is not None
        assert found.high is not None
        assert alone.low is not None
        assert alone.high is not None
        covered += found.low <= truth <= found.high
        ratios.append((found.high - found.low) / (alone.high - alone.low))
    assert covered >= 0.91 * 200
    assert max(ratios) <= 1
    assert np.mean(ratios) < 0.97


def test_with_all_labels_there_is_nothing_to_predict():
    scores, labels = answers(np.random.default_rng(3), 500)
    found = by_metric(with_labels(scores, labels, 500), ClassCalibrator.unfitted(2))
    assert {one.method for one in found.values()} == {QualityMethod.LABELS}
    assert found["accuracy"].estimate == (scores.predictions == labels).mean()
    assert found["accuracy"].needed == 0


def test_without_labels_and_calibration_there_is_no_value():
    scores, labels = answers(np.random.default_rng(4), 500)
    found = by_metric(with_labels(scores, labels, 0), ClassCalibrator.unfitted(2))
    assert {one.method for one in found.values()} == {QualityMethod.NOT_ENOUGH}
    assert {(one.estimate, one.low, one.high) for one in found.values()} == {(None, None, None)}
    assert found["accuracy"].needed == MIN_TRIALS
    # About 42 % of the rows are spam, so recall needs more labels than accuracy.
    assert MIN_TRIALS * 2 < found["recall"].needed < MIN_TRIALS * 3


def test_a_missing_label_is_never_a_negative():
    """Only positives are labelled: nothing is known of the rate of false positives."""
    scores, labels = answers(np.random.default_rng(5), 1_000)
    window = ClassWindow(scores, np.where(labels == 1, 1, UNKNOWN))
    found = by_metric(window, ClassCalibrator.unfitted(2))
    assert found["false_positive_rate"].method is QualityMethod.NOT_ENOUGH
    assert found["false_positive_rate"].needed > 0
    assert found["recall"].labelled == labels.sum()


@pytest.mark.parametrize("known", [0, 10])
def test_estimates_without_enough_labels_cover_the_truth(known):
    random, covered = np.random.default_rng(6), 0
    for _ in range(60):
        calibrator = calibrated(random, 400)
        scores, labels = answers(random, 1_000)
        (found,) = class_quality(with_labels(scores, labels, known), calibrator, ["f1"])
        assert found.method is QualityMethod.ESTIMATED
        assert found.low is not None
        assert found.high is not None
        hit = 2 * (scores.predictions & labels).sum()
        covered += found.low <= hit / (scores.predictions + labels).sum() <= found.high
    assert covered >= 0.9 * 60


def test_few_calibration_rows_give_no_estimate():
    random = np.random.default_rng(7)
    scores, labels = answers(random, 500)
    few = calibrated(random, MIN_CALIBRATION_ROWS - 1)
    found = by_metric(with_labels(scores, labels, 0), few)
    assert found["accuracy"].method is QualityMethod.NOT_ENOUGH


def test_an_empty_window_has_no_value():
    scores = ClassScores(np.zeros(0, np.int64), np.zeros((0, 2)), 1)
    found = by_metric(ClassWindow(scores, np.zeros(0, np.int64)), ClassCalibrator.unfitted(2))
    assert {one.estimate for one in found.values()} == {None}


def test_a_calibrator_undoes_a_distortion():
    random = np.random.default_rng(8)
    scores, labels = answers(random, 5_000)
    spam = scores.probabilities[:, 1]
    logits = 3 * np.log(spam / (1 - spam)) + 1  # three times too sure of itself
    distorted = np.column_stack([1 / (1 + np.exp(logits)), 1 / (1 + np.exp(-logits))])
    cells = class_cells(CLASSES, distorted, labels)
    fitted = ClassCalibrator.unfitted(2).fitted(cells, CLASSES)
    assert fitted.parameters[0] == pytest.approx([1 / 3, -1 / 3, 0], abs=0.05)
    assert np.abs(fitted.calibrate(distorted)[:, 1] - spam).max() < 0.05
    assert fitted.rows == len(labels)


def test_cells_of_two_windows_calibrate_like_those_of_both():
    scores, labels = answers(np.random.default_rng(9), 600)
    parts = [
        cell
        for rows in (slice(0, 200), slice(200, 600))
        for cell in class_cells(CLASSES, scores.probabilities[rows], labels[rows])
    ]
    both = class_cells(CLASSES, scores.probabilities, labels)
    unfitted = ClassCalibrator.unfitted(2)
    some, whole = (unfitted.fitted(cells, CLASSES) for cells in (parts, both))
    assert some.parameters == pytest.approx(whole.parameters, abs=0.02)


def test_probabilities_of_three_classes_still_sum_to_one():
    random = np.random.default_rng(10)
    probabilities = random.dirichlet([1, 1, 1], 300)
    labels = np.array([random.choice(3, p=row) for row in probabilities])
    classes = ("a", "b", "c")
    cells = class_cells(classes, probabilities, labels)
    fitted = ClassCalibrator.unfitted(3).fitted(cells, classes)
    assert fitted.calibrate(probabilities).sum(axis=1) == pytest.approx(np.ones(300))
    window = ClassWindow(
        ClassScores(probabilities.argmax(axis=1), probabilities, None), np.full(300, UNKNOWN)
    )
    (found,) = class_quality(window, fitted, ["f1_macro"])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.55 < found.high
