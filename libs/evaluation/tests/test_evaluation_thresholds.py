"""Thresholds at a false positive rate, and comparisons of two models."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import (
    threshold_at_false_positive_rate,
    threshold_of_best_f1,
    threshold_of_lowest_cost,
    unseen_rows,
    within_one_standard_error,
)

# Scores close together and often equal, as small models give them.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.500001, 0.75, 0.9999999, 1.0]) | st.floats(
    0, 1, width=32
)
RATES = st.sampled_from([0.0, 0.005, 0.05, 0.3, 0.5, 1.0])


@given(st.lists(SCORES, min_size=1, max_size=60), st.lists(SCORES, max_size=30), RATES)
def test_it_keeps_the_rate_and_no_lower_one_would(negatives, positives, target):
    negatives, positives = np.array(negatives), np.array(positives, float)
    scores = np.concatenate([negatives, positives])
    threshold = threshold_at_false_positive_rate(scores, negatives, target)

    def rate(at: float) -> float:
        return float((negatives.astype(np.float32) >= at).mean())

    assert rate(threshold) <= target
    lower = {float(score) for score in scores.astype(np.float32) if score < threshold}
    assert all(rate(score) > target for score in lower)
    assert threshold == float(np.float32(threshold))


def test_it_is_the_midpoint_to_the_next_score():
    negatives = np.array([0.1, 0.2, 0.3])
    scores = np.array([*negatives, 0.7])
    assert threshold_at_false_positive_rate(scores, negatives, 0.0) == pytest.approx(0.5)
    assert threshold_at_false_positive_rate(negatives, negatives, 0.0) == pytest.approx(0.65)


def test_tied_negatives_are_decided_alike():
    negatives = np.array([0.2] * 50 + [0.6] * 50)
    threshold = threshold_at_false_positive_rate(np.array([*negatives, 0.9]), negatives, 0.3)
    assert 0.6 < threshold < 0.9


def test_one_standard_error_of_the_paired_differences():
    best = [0.90, 0.92, 0.94]
    assert within_one_standard_error(best, best)
    assert within_one_standard_error(best, [0.91, 0.92, 0.92])
    assert not within_one_standard_error(best, [0.85, 0.87, 0.89]), "worse by the same everywhere"
    assert within_one_standard_error([0.9], [0.9])
    assert not within_one_standard_error([0.9], [0.89])


def test_unseen_rows_leave_out_clusters_with_a_seen_row():
    test = pa.table({"row_id": list("abcde"), "cluster": ["1", "1", "2", "3", "4"]})
    unseen = unseen_rows(test, pa.array(["b", "3"]))
    assert unseen["row_id"].to_pylist() == ["c", "e"]
    assert unseen_rows(test, pa.array([], pa.string())).equals(test)


LABELLED = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40)


def f1(truth, called):
    return 2 * (truth & called).sum() / max(truth.sum() + called.sum(), 1)


def every_cut(scores):
    """Each way to call the rows with the highest scores positive."""
    rounded = scores.astype(np.float32)
    return [rounded >= cut for cut in [*np.unique(rounded), np.float32(2)]]


@given(LABELLED)
def test_no_other_threshold_has_a_higher_f1(rows):
    truth, scores = np.array([t for t, _ in rows]), np.array([s for _, s in rows])
    called = scores.astype(np.float32) >= threshold_of_best_f1(truth, scores)
    assert f1(truth, called) == max(f1(truth, cut) for cut in every_cut(scores))


@given(LABELLED, st.sampled_from([(1.0, 1.0), (1.0, 5.0), (10.0, 1.0)]))
def test_no_other_threshold_costs_less(rows, costs):
    truth, scores = np.array([t for t, _ in rows]), np.array([s for _, s in rows])

    def cost(called):
        return costs[0] * (called & ~truth).sum() + costs[1] * (truth & ~called).sum()

    called = scores.astype(np.float32) >= threshold_of_lowest_cost(truth, scores, *costs)
    assert cost(called) == min(cost(cut) for cut in every_cut(scores))


def test_costly_false_negatives_lower_the_threshold():
    truth = np.array([False, True, False, True])
    scores = np.array([0.1, 0.3, 0.5, 0.9])
    assert threshold_of_lowest_cost(truth, scores, 3, 1) == pytest.approx(0.7)
    assert threshold_of_lowest_cost(truth, scores, 1, 3) == pytest.approx(0.2)
