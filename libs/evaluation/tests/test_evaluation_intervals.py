"""Intervals of metrics: the bootstrap counts rows as the metrics do, and draws clusters."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import (
    Interval,
    LabelledPredictions,
    bootstrap_intervals,
    prediction_metrics,
    resample_count,
    weighted_metrics,
)
from evaluation.intervals import MAX_RESAMPLES, MIN_RESAMPLES

# Few distinct scores, so that ties are common.
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def binary(spam, score):
    score = np.asarray(score, float)
    return LabelledPredictions(
        labels=np.asarray(spam).astype(np.int64),
        predictions=(score >= 0.5).astype(np.int64),
        probabilities=np.stack([1 - score, score], axis=1),
        positive=1,
    )


def mails(rows, seed=0, noise=0.25):
    random = np.random.default_rng(seed)
    spam = random.random(rows) < 0.4
    score = np.clip(np.where(spam, 0.7, 0.3) + random.normal(0, noise, rows), 0.001, 0.999)
    return binary(spam, score)


def own_clusters(rows):
    return pa.array([f"row-{number}" for number in range(rows)])


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_a_weight_of_two_counts_a_row_twice(rows):
    spam, score, times = (np.array(column) for column in zip(*rows, strict=True))
    predictions = binary(spam > 0, score)
    values = weighted_metrics(predictions, times[None, :].astype(float))
    expected = prediction_metrics(predictions.take(np.repeat(np.arange(len(rows)), times)))
    for name, (value,) in values.items():
        assert value == pytest.approx(expected.get(name, np.nan), nan_ok=True), name


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_multiclass_weighted_metrics_are_means_against_the_rest(rows):
    truth, _, said = (np.array(column) % 3 for column in zip(*rows, strict=True))
    probabilities = np.full((len(rows), 3), 0.2)
    probabilities[np.arange(len(rows)), said.astype(int)] = 0.6
    predictions = LabelledPredictions(
        truth.astype(np.int64), said.astype(np.int64), probabilities, None
    )
    values = weighted_metrics(predictions, np.ones((1, len(rows))))
    expected = prediction_metrics(predictions)
    for name, (value,) in values.items():
        assert value == pytest.approx(expected.get(name, np.nan), nan_ok=True), name


def test_an_interval_contains_the_metric_and_is_reproducible():
    rows = mails(400)
    intervals = bootstrap_intervals(rows, own_clusters(400), seed=1)
    assert intervals == bootstrap_intervals(rows, own_clusters(400), seed=1)
    assert intervals != bootstrap_intervals(rows, own_clusters(400), seed=2)
    metrics = prediction_metrics(rows)
    assert {"f1", "recall", "false_positive_rate", "roc_auc"} <= set(intervals)
    for name, interval in intervals.items():
        assert interval.low < metrics[name] < interval.high, name


def test_interval_width_matches_theory():
    """The standard error of a share among n rows is sqrt(p (1 - p) / n)."""
    rows = mails(2_000)
    interval = bootstrap_intervals(rows, own_clusters(2_000), seed=0)["accuracy"]
    share = prediction_metrics(rows)["accuracy"]
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / 2_000)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_clustered_rows_widen_the_interval():
    copies = np.repeat(np.arange(200), 10)
    rows = mails(200).take(copies)
    separate = bootstrap_intervals(rows, own_clusters(2_000), seed=0)["f1"]
    clustered = bootstrap_intervals(rows, pa.array(copies.astype(str)), seed=0)["f1"]
    widths = [interval.high - interval.low for interval in (clustered, separate)]
    assert widths[0] == pytest.approx(np.sqrt(10) * widths[1], rel=0.25)


def test_no_errors_do_not_mean_certainty():
    """Of n clusters without an error the exact interval ends at 1 - 0.025 ** (1 / n)."""
    spam = np.arange(200) % 2 == 0
    intervals = bootstrap_intervals(
        binary(spam, np.where(spam, 0.9, 0.1)), own_clusters(200), seed=0
    )
    end = 0.025 ** (1 / 100)
    assert intervals["false_positive_rate"] == Interval(0.0, pytest.approx(1 - end))
    assert intervals["recall"] == Interval(pytest.approx(end), 1.0)
    assert "f1" not in intervals
    assert "roc_auc" not in intervals


def test_an_absent_class_has_no_interval():
    rows = binary(np.zeros(50, bool), np.linspace(0.1, 0.9, 50))
    assert set(bootstrap_intervals(rows, own_clusters(50), seed=0)) == {"accuracy"}


def test_the_resample_count_falls_with_the_rows_to_a_minimum():
    assert resample_count(800) == MAX_RESAMPLES
    assert resample_count(40_000) == 500
    assert resample_count(10_000_000) == MIN_RESAMPLES
