"""Calibrated drift: its parts against independent calculations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from evaluation.drift import (
    BlockCounts,
    category_events,
    design_effect,
    e_benjamini_hochberg,
    events,
    shift_evidence,
    threshold_events,
)

SHARES = st.floats(0.0, 1.0)


def evidence(baseline, rows, live, live_rows, tolerance=0.02, spread=0.05):
    arrays = (np.asarray(value, float) for value in (baseline, rows, live, live_rows))
    return shift_evidence(*arrays, tolerance=tolerance, spread=spread)


def test_threshold_events_are_the_differences_of_ks():
    baseline, live = np.array([10, 30, 40, 20]), np.array([5, 5, 20, 10])
    differences = threshold_events(baseline) / 100 - threshold_events(live) / 40
    points = np.repeat(np.arange(4), baseline), np.repeat(np.arange(4), live)
    assert np.abs(differences).max() == pytest.approx(stats.ks_2samp(*points).statistic)


def test_two_categories_are_one_event_and_more_are_one_each():
    assert category_events(np.array([3, 4])).tolist() == [3]
    assert events("categorical", np.array([3, 4, 5])).tolist() == [3, 4, 5]
    assert events("numeric", np.array([3, 4, 5])).tolist() == [3, 7]


@given(st.integers(1, 5000), SHARES, st.integers(1, 5000), SHARES, st.floats(0.001, 0.3))
def test_a_difference_within_the_tolerance_is_no_evidence(m, p, n, q, tolerance):
    b, x = round(p * m), round(q * n)
    found = evidence(b, m, x, n, tolerance)[0]
    assert (found == -np.inf) == (abs(x / n - b / m) <= tolerance)
    assert found == pytest.approx(evidence(m - b, m, n - x, n, tolerance)[0], abs=1e-6)


def test_the_evidence_is_the_likelihood_ratio_mixed_over_the_excess():
    b, m, x, n, tolerance, spread = 1280.0, 4000.0, 820.0, 2000.0, 0.02, 0.05

    def minus_log_likelihood(p):
        return -(stats.binom.logpmf(b, m, p) + stats.binom.logpmf(x, n, p + tolerance))

    best = optimize.minimize_scalar(minus_log_likelihood, bounds=(0.2, 0.6), method="bounded")
    free = stats.binom.logpmf(b, m, b / m) + stats.binom.logpmf(x, n, x / n)
    p, q = best.x, best.x + tolerance
    deviation = np.sqrt(p * (1 - p) / m + q * (1 - q) / n)
    z = np.sqrt(2 * (free + best.fun))

    excess = np.linspace(0, 1, 200_001)
    prior = stats.halfnorm.pdf(excess, scale=spread)
    ratio = np.exp(excess * z / deviation - excess**2 / (2 * deviation**2))
    mixed = np.trapezoid(prior * ratio, excess)
    assert evidence(b, m, x, n)[0] == pytest.approx(np.log(mixed / 2), rel=1e-3)


@pytest.mark.parametrize(("p", "n", "m"), [(0.32, 2000, 4000), (0.01, 200, 4000), (0.5, 500, 500)])
def test_the_mean_e_value_is_at_most_one_at_the_edge_of_the_tolerance(p, n, m):
    random = np.random.default_rng(0)
    draws = 100_000
    found = np.exp(
        evidence(random.binomial(m, p, draws), m, random.binomial(n, p + 0.02, draws), n)
    )
    assert found.mean() <= 1
    assert np.mean(found >= 20) <= 0.05
    drifted = evidence(random.binomial(m, p, draws), m, random.binomial(n, p + 0.2, draws), n)
    assert np.median(drifted) > np.log(1000)


@given(st.lists(st.integers(1, 700), max_size=30))
def test_blocks_hold_consecutive_rows(batches):
    blocks, values = BlockCounts(bins=3), np.random.default_rng(0).integers(3, size=30 * 700)
    start = 0
    for rows in batches:
        for part in blocks.slices(rows):
            blocks.add(np.bincount(values[start:][part], minlength=3))
        start += rows
    expected = [
        np.bincount(values[at : min(at + blocks.size, start)], minlength=3)
        for at in range(0, start, blocks.size)
    ]
    assert blocks.rows == start
    assert blocks.counts[: len(expected)].tolist() == [list(counts) for counts in expected]
    assert not blocks.counts[len(expected) :].any()
    assert len(expected) > 20 or blocks.size == 1


@pytest.mark.parametrize("run", [1, 10])
def test_the_design_effect_is_the_length_of_runs(run):
    random = np.random.default_rng(0)
    found = []
    for _ in range(200):
        runs = random.random((30, 20)) < 0.3
        found.append(design_effect(runs.sum(axis=1)[:, None] * run, np.full(30, 20 * run)))
    assert np.mean(found) == pytest.approx(run, rel=0.05)


def test_a_constant_column_has_the_design_effect_one():
    rows = np.full(20, 5)
    assert design_effect(np.stack([rows, 0 * rows], axis=1), rows) == 1
    assert design_effect(np.array([[3]]), np.array([5])) == 1


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.01, 1)), min_size=1, max_size=8),
    st.floats(0.01, 0.5),
)
@settings(max_examples=300)
def test_e_bh_rejects_the_largest_set_that_passes(hypotheses, alpha):
    e_values, raw = (np.array(values) for values in zip(*hypotheses, strict=True))
    weights = raw / raw.sum()
    rejected = e_benjamini_hochberg(e_values, weights, alpha)
    weighted = e_values * weights
    ordered = sorted(weighted, reverse=True)
    largest = max((k for k, e in enumerate(ordered, 1) if e >= 1 / (k * alpha)), default=0)
    assert rejected.sum() >= largest  # ties are rejected together
    assert bool(largest) == rejected.any()
    if largest:
        assert (weighted[rejected] >= 1 / (largest * alpha)).all()
        assert (weighted[~rejected] < ordered[largest - 1]).all()
