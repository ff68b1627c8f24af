"""Metrics of slices, and calibration."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve as sklearn_calibration_curve

from evaluation import (
    LabelledPredictions,
    calibration_curve,
    calibration_targets,
    expected_calibration_error,
    prediction_metrics,
    slice_metric_names,
    slice_metrics,
)
from evaluation.slices import MAX_SLICES, TOO_FEW_ROWS

METRICS = slice_metric_names("f1")


def mails(rows, seed=0):
    random = np.random.default_rng(seed)
    spam = random.random(rows) < 0.4
    score = np.clip(np.where(spam, 0.7, 0.3) + random.normal(0, 0.25, rows), 0.001, 0.999)
    predictions = LabelledPredictions(
        spam.astype(np.int64),
        (score >= 0.5).astype(np.int64),
        np.stack([1 - score, score], axis=1),
        1,
    )
    return predictions, pa.array([str(number) for number in range(rows)])


def kinds(**columns):
    arrays = [pa.array(values, pa.string()) for values in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def test_a_slice_has_the_metrics_of_its_rows():
    rows, clusters = mails(400)
    length = ["short"] * 150 + ["long"] * 250
    long, short = slice_metrics(rows, clusters, kinds(length=length), METRICS, seed=0)
    assert (short.kind, short.name, short.rows, short.note) == ("length", "short", 150, "")
    expected = prediction_metrics(rows.take(np.arange(150)))
    assert set(short.metrics) == {"f1", "false_positive_rate", "recall"}
    for name, estimate in short.metrics.items():
        assert estimate.value == pytest.approx(expected[name])
        assert estimate.low < estimate.value < estimate.high
    assert long.rows == 250


def test_too_few_rows_or_one_class_have_no_metrics():
    rows, clusters = mails(200)
    only_ham = [None if spam else "ham" for spam in rows.labels]
    few = ["few"] * 29 + ["enough"] * 171
    groups = kinds(only=only_ham, size=few)
    slices = slice_metrics(rows, clusters, groups, METRICS, seed=0)
    assert [(one.name, one.note, bool(one.metrics)) for one in slices] == [
        ("ham", TOO_FEW_ROWS, False),
        ("enough", "", True),
        ("few", TOO_FEW_ROWS, False),
    ]


def test_only_the_largest_slices_are_returned():
    rows, clusters = mails(400)
    names = ["big"] * 100 + [f"small-{number:03}" for number in range(300)]
    slices = slice_metrics(rows, clusters, kinds(source=names), METRICS, seed=0)
    assert len(slices) == MAX_SLICES
    assert slices[0].name == "big"


def test_no_kinds_give_no_slices():
    assert slice_metrics(*mails(50), kinds(), METRICS, seed=0) == []


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_error_is_its_formula(rows):
    outcomes, said = (np.array(column, float) for column in zip(*rows, strict=True))
    total = 0.0
    for number in range(10):
        inside = np.minimum(np.floor(said * 10), 9) == number
        if inside.any():
            gap = abs(outcomes[inside].mean() - said[inside].mean())
            total += inside.sum() / len(rows) * gap
    assert expected_calibration_error(outcomes, said) == pytest.approx(total, abs=1e-9)


# scikit-learn puts a probability on the border of two bins into the lower one; the calibration
# error defines it otherwise, so the borders are left out.
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0.001, 0.999).filter(lambda p: (p * 10) % 1 > 1e-9)),
        min_size=1,
        max_size=60,
    )
)
def test_the_calibration_curve_equals_scikit_learns(rows):
    outcomes, said = (np.array(column, float) for column in zip(*rows, strict=True))
    bins = calibration_curve(outcomes, said)
    frequencies, means = sklearn_calibration_curve(outcomes, said, n_bins=10)
    assert [one.observed_frequency for one in bins] == pytest.approx(frequencies)
    assert [one.mean_probability for one in bins] == pytest.approx(means)
    assert sum(one.rows for one in bins) == len(rows)


def test_the_calibration_target_is_the_positive_class_or_a_correct_prediction():
    spam = LabelledPredictions(
        np.array([1, 0]), np.array([1, 1]), np.array([[0.2, 0.8], [0.4, 0.6]]), positive=1
    )
    outcomes, said = calibration_targets(spam)
    assert outcomes.tolist() == [1, 0]
    assert said.tolist() == pytest.approx([0.8, 0.6])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    iris = LabelledPredictions(np.array([0, 2]), np.array([0, 1]), probabilities, positive=None)
    outcomes, said = calibration_targets(iris)
    assert outcomes.tolist() == [1, 0]
    assert said.tolist() == pytest.approx([0.7, 0.6])
