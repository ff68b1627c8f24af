"""Predictions of numbers: metrics, their intervals, and conformal prediction intervals."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from evaluation import (
    NumberPredictions,
    bootstrap_intervals,
    calibration_rows_needed,
    conformal_widths,
    prediction_metrics,
    slice_metrics,
)
from platform_core.errors import InvalidData

VALUES = st.floats(-1e6, 1e6)


def predictions(labels, predicted, half=1.0):
    predicted = np.asarray(predicted, float)
    ends = np.stack([predicted - half, predicted + half], axis=1)
    return NumberPredictions.from_arrow(
        pa.array(np.asarray(labels, float)), pa.array(predicted), ends
    )


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=30))
def test_the_metrics_are_those_of_scikit_learn(rows):
    labels, predicted = np.array(rows).T
    found = prediction_metrics(predictions(labels, predicted))
    assert found["mae"] == pytest.approx(mean_absolute_error(labels, predicted))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(labels, predicted))
    if np.ptp(labels) > 1e-3 * (1 + np.abs(labels).max()):
        assert found["r2"] == pytest.approx(r2_score(labels, predicted), rel=1e-6, abs=1e-6)


def test_metrics_that_are_undefined_on_the_labels_are_absent():
    equal = prediction_metrics(predictions([3.0, 3.0], [1.0, 2.0]))
    assert "r2" not in equal
    assert equal["mae"] == 1.5
    assert prediction_metrics(predictions([], [])) == {"rows": 0.0}


def test_intervals_count_their_ends_as_covered():
    found = prediction_metrics(predictions([0.0, 1.0, 2.5], [1.0, 1.0, 1.0]))
    assert found["interval_coverage"] == pytest.approx(2 / 3)
    assert found["interval_width"] == 2.0


def test_infinite_values_and_different_lengths_are_refused():
    with pytest.raises(InvalidData, match="not finite"):
        predictions([np.inf], [1.0])
    with pytest.raises(InvalidData, match="do not belong together"):
        NumberPredictions.from_arrow(pa.array([1.0]), pa.array([1.0, 2.0]), np.zeros((1, 2)))


def test_the_bootstrap_interval_holds_the_metric_and_narrows_with_rows():
    random = np.random.default_rng(0)
    labels = random.normal(size=4_000)
    rows = predictions(labels, labels + random.normal(scale=0.5, size=4_000))
    clusters = pa.array([str(n) for n in range(4_000)])
    few = bootstrap_intervals(rows.take(np.arange(100)), clusters[:100], seed=1)
    many = bootstrap_intervals(rows, clusters, seed=1)
    for name in ("mae", "rmse", "r2"):
        assert many[name].low < prediction_metrics(rows)[name] < many[name].high
        assert many[name].high - many[name].low < 0.5 * (few[name].high - few[name].low)


def test_a_slice_of_numbers_needs_rows_only():
    rows = predictions(np.arange(60.0), np.arange(60.0) + 1)
    kinds = pa.record_batch([pa.array(["a"] * 40 + ["b"] * 20)], names=["half"])
    clusters = pa.array([str(n) for n in range(60)])
    large, small = slice_metrics(rows, clusters, kinds, ["mae"], seed=0)
    assert large.metrics["mae"].value == 1.0
    assert small.note == "too few rows"


@pytest.mark.parametrize(("coverage", "rows"), [(0.9, 19), (0.8, 9), (0.95, 39)])
def test_a_finite_interval_needs_rows(coverage, rows):
    assert calibration_rows_needed(coverage) == rows
    assert conformal_widths(np.arange(rows, dtype=float), coverage) == (0.0, rows - 1)
    with pytest.raises(InvalidData, match=f"need {rows} rows"):
        conformal_widths(np.zeros(rows - 1), coverage)


@pytest.mark.parametrize("noise", ["normal", "skewed", "heavy"])
def test_the_coverage_holds_for_any_noise(noise):
    """Mean over draws of calibration and new rows: at least the stated coverage, and not more than
    2 / (n + 1) above it, each up to four standard errors of the simulation.
    """
    random, coverage, rows, draws = np.random.default_rng(7), 0.9, 59, 4_000
    draw = {
        "normal": random.standard_normal,
        "skewed": lambda size: random.standard_exponential(size) - 1,
        "heavy": lambda size: random.standard_t(2, size),
    }[noise]
    covered = []
    for _ in range(draws):
        below, above = conformal_widths(draw(rows), coverage)
        new = draw(20)
        covered.append(((-below <= new) & (new <= above)).mean())
    error = 4 * np.std(covered) / np.sqrt(draws)
    assert coverage - error <= np.mean(covered) <= coverage + 2 / (rows + 1) + error


def test_a_skewed_error_gives_unequal_ends():
    below, above = conformal_widths(np.random.default_rng(1).standard_exponential(999), 0.9)
    assert below == 0, "the interval holds its prediction"
    assert above == pytest.approx(3.0, abs=0.3)
