"""Calibration that follows labelled windows, on simulated streams with known quality."""

import numpy as np
import pytest

from evaluation.quality import (
    CalibrationWindow,
    ClassCalibrator,
    ClassScores,
    ClassWindow,
    class_cells,
    class_quality,
    mean_logits,
)
from platform_core.contracts.quality_report import MetricQuality, QualityMethod

CLASSES = ("ham", "spam")
ROWS = 500


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


class Answers:
    """The answers of a window: the true logits, and what the model gives for them."""

    def __init__(
        self, random: np.random.Generator, moved: float = 0, given: float = 0, slope: float = 1
    ) -> None:
        """Move the true logits by `moved`; the model gives `slope` times these, plus `given`."""
        logits = random.normal(moved, 2, ROWS)
        self.labels = (random.random(ROWS) < sigmoid(logits)).astype(np.int64)
        spam = sigmoid(slope * logits + given)
        self.probabilities = np.column_stack([1 - spam, spam])

    @property
    def accuracy(self) -> float:
        return float(((self.probabilities[:, 1] >= 0.5) == self.labels).mean())

    def earlier(self, age: float) -> CalibrationWindow:
        cells = class_cells(CLASSES, self.probabilities, self.labels)
        return CalibrationWindow(cells, mean_logits(CLASSES, self.probabilities), age)

    def estimate(self, calibrator: ClassCalibrator) -> MetricQuality:
        scores = ClassScores(self.probabilities.argmax(axis=1), self.probabilities, 1)
        (found,) = class_quality(ClassWindow(scores, np.full(ROWS, -1)), calibrator, ["accuracy"])
        assert found.method is QualityMethod.ESTIMATED
        return found


def released(answers: Answers) -> ClassCalibrator:
    cells = class_cells(CLASSES, answers.probabilities, answers.labels)
    return ClassCalibrator.unfitted(2).fitted(cells, CLASSES)


def followed(before: ClassCalibrator, known: list[Answers], now: Answers, late: float = 1):
    """Return the calibrator of `now`, the labels of `known` being `late` windows late."""
    windows = [one.earlier(age) for age, one in enumerate(reversed(known), 0)]
    aged = [CalibrationWindow(one.cells, one.logits, one.age + late) for one in windows]
    return before.followed(aged, mean_logits(CLASSES, now.probabilities), CLASSES)


def width(found: MetricQuality) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


def test_logits_that_move_without_the_labels_are_learnt():
    """The model's logits are wrong by another amount in each window, the labels are as before."""
    random = np.random.default_rng(0)
    known = [Answers(random, given=moved) for moved in random.normal(0, 1.5, 12)]
    now = Answers(random, given=2)
    calibrator = followed(released(Answers(random)), known, now)
    slope, _, effect = calibrator.parameters[0]
    assert effect == pytest.approx(-slope, abs=0.2)
    assert now.estimate(calibrator).estimate == pytest.approx(now.accuracy, abs=0.04)


def test_logits_that_move_with_the_labels_are_believed():
    random = np.random.default_rng(1)
    known = [Answers(random, moved=moved) for moved in random.normal(0, 1.5, 12)]
    now = Answers(random, moved=2)
    calibrator = followed(released(Answers(random)), known, now)
    assert calibrator.parameters[0, 2] == pytest.approx(0, abs=0.2)
    expected = calibrator.calibrate(now.probabilities)[:, 1]
    assert expected.mean() == pytest.approx(now.labels.mean(), abs=0.03)


def test_before_the_first_labels_a_shift_is_believed_with_doubt():
    random = np.random.default_rng(2)
    before, now = released(Answers(random)), Answers(random, moved=2)
    calibrator = before.followed([], mean_logits(CLASSES, now.probabilities), CLASSES)
    assert calibrator.parameters == pytest.approx(before.parameters)
    assert calibrator.rows == before.rows == ROWS
    unmoved = before.followed([], mean_logits(CLASSES, Answers(random).probabilities), CLASSES)
    assert width(now.estimate(calibrator)) > width(now.estimate(unmoved))


def test_the_latest_labels_count_most():
    """The model becomes three times too sure of itself, and stays so."""
    random = np.random.default_rng(3)
    known = [Answers(random) for _ in range(10)] + [Answers(random, slope=3) for _ in range(5)]
    now = Answers(random, slope=3)
    calibrator = followed(released(Answers(random)), known, now)
    assert calibrator.parameters[0, 0] == pytest.approx(1 / 3, abs=0.08)
    assert calibrator.rows == 16 * ROWS


def test_a_stable_calibration_is_known_better_than_a_changing_one():
    random = np.random.default_rng(4)
    before, now = released(Answers(random)), Answers(random)
    stable = [Answers(random) for _ in range(12)]
    changing = [Answers(random, slope=slope) for slope in random.uniform(0.4, 3, 12)]
    widths = [width(now.estimate(followed(before, known, now))) for known in (stable, changing)]
    assert widths[0] < 0.7 * widths[1]


def test_the_later_the_labels_the_wider_the_interval():
    random = np.random.default_rng(5)
    before, now = released(Answers(random)), Answers(random)
    known = [Answers(random) for _ in range(4)]
    widths = [width(now.estimate(followed(before, known, now, late))) for late in (1, 2, 4, 8)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    unknown = width(now.estimate(followed(before, [], now)))
    for late in (8, 10_000):
        assert width(now.estimate(followed(before, known, now, late))) < 1.05 * unknown


@pytest.mark.parametrize("late", [1, 4])
def test_estimates_cover_while_the_calibration_wanders(late):
    random, covered, windows = np.random.default_rng(6), 0, 0
    for _ in range(6):
        slopes = np.exp(np.cumsum(random.normal(0, 0.15, 16)))
        stream = [
            Answers(random, given=given, slope=slope)
            for given, slope in zip(np.cumsum(random.normal(0, 0.15, 16)), slopes, strict=True)
        ]
        before = released(Answers(random))
        for number, now in enumerate(stream):
            known = stream[: max(number - late + 1, 0)]
            found = now.estimate(followed(before, known, now, late))
            assert found.low is not None
            assert found.high is not None
            covered += found.low <= now.accuracy <= found.high
            windows += 1
    assert covered >= 0.9 * windows


def test_the_order_of_the_windows_does_not_matter():
    random = np.random.default_rng(7)
    before, now = released(Answers(random)), Answers(random)
    windows = [Answers(random, given=age / 4).earlier(age) for age in range(1, 6)]
    logits = mean_logits(CLASSES, now.probabilities)
    one, other = (before.followed(each, logits, CLASSES) for each in (windows, windows[::-1]))
    assert one.parameters == pytest.approx(other.parameters)
    assert one.covariance == pytest.approx(other.covariance)


def test_a_window_without_mean_logits_uses_those_of_its_labelled_rows():
    random = np.random.default_rng(8)
    before, now = released(Answers(random)), Answers(random, given=1)
    windows = [Answers(random, given=given).earlier(age) for age, given in ((2, 1.5), (1, -1))]
    bare = [CalibrationWindow(one.cells, {}, one.age) for one in windows]
    logits = mean_logits(CLASSES, now.probabilities)
    one, other = (before.followed(each, logits, CLASSES) for each in (windows, bare))
    assert one.parameters == pytest.approx(other.parameters, abs=0.02)


def test_without_test_rows_the_first_window_is_the_reference():
    random = np.random.default_rng(9)
    known = [Answers(random, given=1) for _ in range(8)]
    now = Answers(random, given=1)
    calibrator = followed(ClassCalibrator.unfitted(2), known, now)
    assert calibrator.shift == pytest.approx([0], abs=0.3)
    assert calibrator.rows == 8 * ROWS
    assert now.estimate(calibrator).estimate == pytest.approx(now.accuracy, abs=0.04)


def test_three_classes_are_followed_together():
    random, classes = np.random.default_rng(10), ("a", "b", "c")

    def window() -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities that are twice too sure, with a class that is overstated."""
        true = random.dirichlet([1, 1, 1], ROWS)
        labels = np.array([random.choice(3, p=row) for row in true])
        given = true**2 * [1, 1, 3]
        return given / given.sum(axis=1, keepdims=True), labels

    windows = [
        CalibrationWindow(
            class_cells(classes, probabilities, labels), mean_logits(classes, probabilities), age
        )
        for age in (3, 2, 1)
        for probabilities, labels in [window()]
    ]
    probabilities, labels = window()
    calibrator = ClassCalibrator.unfitted(3).followed(
        windows, mean_logits(classes, probabilities), classes
    )
    expected = calibrator.calibrate(probabilities)
    assert expected.sum(axis=1) == pytest.approx(np.ones(ROWS))
    assert expected.mean(axis=0) == pytest.approx(np.bincount(labels) / ROWS, abs=0.06)


def test_no_rows_have_no_mean():
    assert mean_logits(CLASSES, np.zeros((0, 2))) == {}
