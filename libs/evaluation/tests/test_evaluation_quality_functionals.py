"""Metrics of weighted labels and their influence functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import LabelledPredictions, weighted_metrics
from evaluation.quality import ClassScores, class_functional, measurable_metrics

SEEDS = st.integers(0, 10_000)


def drawn(seed: int, classes: int, rows: int = 40) -> tuple[ClassScores, np.ndarray]:
    """Return answers of a model that is right more often than not, and the labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows)
    # Rounded scores tie often.
    scores = np.round(random.random((rows, classes)) + np.eye(classes)[labels], 1) + 0.1
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    positive = 1 if classes == 2 else None
    return ClassScores(probabilities.argmax(axis=1), probabilities, positive), labels


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([2, 3]))
def test_metrics_of_labels_are_those_of_weighted_metrics(seed, classes):
    scores, labels = drawn(seed, classes)
    rows = LabelledPredictions(labels, scores.predictions, scores.probabilities, scores.positive)
    known = weighted_metrics(rows, np.ones((1, len(rows))))
    for metric in measurable_metrics(scores.positive):
        found = class_functional(metric, scores, np.eye(classes)[labels])
        expected = known[metric][0]
        if not np.isnan(expected):
            assert found is not None
            assert found.value == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([2, 3]), st.data())
def test_influence_is_the_change_of_a_metric_by_one_more_row(seed, classes, data):
    scores, labels = drawn(seed, classes)
    weights = np.eye(classes)[labels]
    row = data.draw(st.integers(0, len(labels) - 1))
    label = data.draw(st.integers(0, classes - 1))
    step = 1e-6
    more = weights.copy()
    more[row, label] += step
    for metric in measurable_metrics(scores.positive):
        before = class_functional(metric, scores, weights)
        after = class_functional(metric, scores, more)
        if before is None or after is None:
            continue
        slope = (after.value - before.value) / step * weights.sum()
        assert slope == pytest.approx(before.influence[row, label], abs=1e-3)


def test_influences_of_the_labels_sum_to_zero():
    scores, labels = drawn(3, 3)
    for metric in measurable_metrics(None):
        found = class_functional(metric, scores, np.eye(3)[labels])
        assert found is not None
        assert found.influence[np.arange(len(labels)), labels].sum() == pytest.approx(0, abs=1e-9)


def test_a_row_without_a_label_does_not_count():
    scores, labels = drawn(1, 2)
    weights = np.eye(2)[labels]
    weights[20:] = 0
    half = scores.take(np.arange(20))
    for metric in measurable_metrics(1):
        some = class_functional(metric, scores, weights)
        alone = class_functional(metric, half, weights[:20])
        assert some is not None
        assert alone is not None
        assert (some.value, some.trials) == (alone.value, alone.trials)
        assert some.influence[:20] == pytest.approx(alone.influence)


def test_a_metric_without_its_class_is_undefined():
    scores, labels = drawn(2, 2)
    only_negatives = np.eye(2)[np.zeros_like(labels)]
    assert class_functional("recall", scores, only_negatives) is None
    assert class_functional("roc_auc", scores, only_negatives) is None
    assert class_functional("accuracy", scores, only_negatives) is not None
