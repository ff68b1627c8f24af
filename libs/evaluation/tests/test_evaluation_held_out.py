"""Comparisons on held-out rows: verdict, power and the rows needed."""

import numpy as np
import pytest
from scipy.stats import norm

from evaluation import LabelledPredictions, NumberPredictions
from evaluation.held_out import compare_on_rows, compare_with_limit
from platform_core.errors import InvalidData


def answers(labels, wrong):
    """Answers of a classifier that is wrong in some rows."""
    predicted = np.where(wrong, 1 - labels, labels)
    positive = np.where(predicted == 1, 0.9, 0.1)
    return LabelledPredictions(labels, predicted, np.stack([1 - positive, positive], axis=1), 1)


def two_releases(rows, both=0.05, candidate=0.01, champion=0.01, seed=0):
    """Answers of two releases that are wrong in `both`, and each in some rows of its own."""
    random = np.random.default_rng(seed)
    labels, place = random.integers(0, 2, rows), random.random(rows)
    shared = place < both
    mine = shared | (place > 1 - candidate)
    theirs = shared | ((place > 0.5) & (place < 0.5 + champion))
    return answers(labels, mine), answers(labels, theirs)


def compare(rows, margin, **shares):
    candidate, champion = two_releases(rows, **shares)
    return compare_on_rows(candidate, champion, np.arange(rows), "accuracy", margin)


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({}, "equivalent"),
        ({"champion": 0.06}, "better"),
        ({"candidate": 0.06}, "worse"),
        ({"candidate": 0.021}, "undecided"),
    ],
)
def test_the_verdict_is_that_of_the_rows(shares, verdict):
    result = compare(6000, 0.01, **shares)
    assert result.verdict == verdict
    assert result.lower < result.difference < result.upper


def test_the_accuracys_standard_error_is_mcnemars():
    candidate, champion = two_releases(5000)
    result = compare_on_rows(candidate, champion, np.arange(5000), "accuracy", 0.01)
    wins = (champion.correct & ~candidate.correct).sum()
    losses = (candidate.correct & ~champion.correct).sum()
    error = np.sqrt(wins + losses + 2 - (wins - losses) ** 2 / 5000) / 5000
    assert result.difference == pytest.approx((wins - losses) / 5000)
    assert result.upper - result.difference == pytest.approx(norm.ppf(0.95) * error, rel=0.1)
    assert result.power == pytest.approx(norm.cdf(0.01 / error - norm.ppf(0.95)), abs=0.05)


def test_few_rows_say_how_many_are_needed():
    result = compare(400, 0.005)
    assert result.verdict == "undecided"
    # Two per cent of the rows differ: 4,950 rows show half a point with a power of 80 %.
    assert 2500 < result.rows_needed < 9000
    assert result.power < 0.3


def test_rows_without_disagreement_do_not_prove_equivalence():
    shares = {"candidate": 0.0, "champion": 0.0}
    assert compare(50, 0.01, **shares).verdict == "undecided"
    assert compare(1000, 0.01, **shares).verdict == "equivalent"


def test_near_duplicates_count_as_one_row():
    candidate, champion = two_releases(1000)
    apart = compare_on_rows(candidate, champion, np.arange(1000), "accuracy", 0.01)
    copies = np.repeat(np.arange(1000), 4)
    repeated = compare_on_rows(
        candidate.take(copies), champion.take(copies), copies, "accuracy", 0.01
    )
    assert repeated.upper == pytest.approx(apart.upper, rel=0.15)


def test_of_an_error_metric_more_is_worse():
    random = np.random.default_rng(0)
    labels, noise = random.normal(100, 10, 500), random.normal(0, 3, 500)
    good, bad = (
        NumberPredictions(labels, labels + noise * size, labels - 1, labels + 1) for size in (1, 2)
    )
    rows = np.arange(500)
    worse = compare_on_rows(bad, good, rows, "mae", 1)
    assert worse.verdict == "worse"
    assert worse.difference > 0
    assert compare_on_rows(good, bad, rows, "mae", 1).verdict == "better"
    assert compare_on_rows(good, good, rows, "mae", 1).verdict == "equivalent"


@pytest.mark.parametrize(
    ("limit", "verdict"), [(0.85, "better"), (0.99, "worse"), (0.94, "undecided")]
)
def test_a_limit_is_reached_missed_or_too_close(limit, verdict):
    candidate, _ = two_releases(1000)
    result = compare_with_limit(candidate, np.arange(1000), "accuracy", limit)
    assert result.verdict == verdict
    assert result.power is None
    assert (result.rows_needed is None) is (verdict != "undecided")


def test_a_false_promotion_at_the_margin_is_as_rare_as_stated():
    promoted = 0
    for seed in range(60):
        shares = {"candidate": 0.06, "champion": 0.01}
        promoted += compare(300, 0.05, seed=seed, **shares).verdict in {"better", "equivalent"}
    assert promoted <= 8, "3 in expectation"


def test_a_metric_that_the_rows_do_not_define_is_an_error():
    labels = np.zeros(30, np.int64)
    rows = answers(labels, labels > 0)
    with pytest.raises(InvalidData, match="roc_auc is undefined"):
        compare_on_rows(rows, rows, np.arange(30), "roc_auc", 0.01)
