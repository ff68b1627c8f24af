"""The quality of a window of predicted numbers."""

import numpy as np
import pytest

from evaluation.quality import MIN_TRIALS, ErrorModel, NumberWindow, number_cells, number_quality
from platform_core.contracts.quality_report import MetricQuality, QualityMethod

NOTHING_KNOWN = ErrorModel([])


def numbers(random: np.random.Generator, rows: int, known: int) -> tuple[NumberWindow, np.ndarray]:
    """Return predictions whose error grows with them, and the errors of all rows."""
    predictions = random.uniform(1, 100, rows)
    errors = random.normal(0, 0.1 * predictions)
    labels = np.where(np.arange(rows) < known, predictions + errors, np.nan)
    return NumberWindow(predictions, predictions - 8, predictions + 8, labels), errors


def by_metric(window: NumberWindow, model: ErrorModel) -> dict[str, MetricQuality]:
    return {one.metric: one for one in number_quality(window, model)}


def model_of(random: np.random.Generator, rows: int) -> ErrorModel:
    return ErrorModel(number_cells(numbers(random, rows, rows)[0]))


def test_metrics_of_labels_are_their_formulas():
    window, errors = numbers(np.random.default_rng(0), 300, 300)
    found = by_metric(window, NOTHING_KNOWN)
    assert found["mae"].estimate == pytest.approx(np.abs(errors).mean())
    assert found["rmse"].estimate == pytest.approx(np.sqrt((errors**2).mean()))
    expected = 1 - (errors**2).sum() / ((window.labels - window.labels.mean()) ** 2).sum()
    assert found["r2"].estimate == pytest.approx(expected)
    assert {one.method for one in found.values()} == {QualityMethod.LABELS}


def test_known_errors_of_similar_predictions_narrow_the_interval():
    random, covered, narrower = np.random.default_rng(1), 0, 0
    model, truth = model_of(random, 2_000), 0.1 * 50.5 * np.sqrt(2 / np.pi)
    for _ in range(100):
        window, _ = numbers(random, 1_000, 200)
        found = by_metric(window, model)["mae"]
        alone = by_metric(window, NOTHING_KNOWN)["mae"]
        assert found.low is not None
        assert found.high is not None
        assert alone.low is not None
        assert alone.high is not None
        covered += found.low <= truth <= found.high
        narrower += found.high - found.low < alone.high - alone.low
    assert covered >= 90
    assert narrower >= 90


def test_without_labels_the_error_is_that_of_similar_predictions():
    random = np.random.default_rng(2)
    window, errors = numbers(random, 1_000, 0)
    found = by_metric(window, model_of(random, 500))
    mae = found["mae"]
    assert mae.method is QualityMethod.ESTIMATED
    assert mae.low is not None
    assert mae.high is not None
    assert mae.low < np.abs(errors).mean() < mae.high
    assert found["rmse"].method is QualityMethod.NOT_ENOUGH
    assert found["rmse"].needed == MIN_TRIALS


def test_too_few_labels_and_nothing_known_give_no_value():
    window, _ = numbers(np.random.default_rng(3), 100, MIN_TRIALS - 5)
    found = by_metric(window, NOTHING_KNOWN)
    assert {(one.estimate, one.needed) for one in found.values()} == {(None, 5)}


def test_predictions_without_an_error():
    predictions = np.arange(50.0)
    window = NumberWindow(predictions, predictions, predictions, predictions.copy())
    found = by_metric(window, NOTHING_KNOWN)
    assert (found["mae"].low, found["mae"].high) == (0, 0)
    assert found["r2"].estimate == 1


def test_labels_that_are_all_equal_have_no_r2():
    predictions = np.arange(50.0)
    window = NumberWindow(predictions, predictions - 1, predictions + 1, np.zeros(50))
    assert by_metric(window, NOTHING_KNOWN)["r2"].method is QualityMethod.NOT_ENOUGH
