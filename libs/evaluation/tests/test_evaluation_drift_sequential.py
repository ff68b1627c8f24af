"""Simulations of the sequential drift test: streams of windows, read after every one."""

import numpy as np
import pytest
from scipy import stats

from evaluation.drift import LONGEST, SequentialTest, e_benjamini_hochberg

STREAMS, BASELINE = 100, 4000


def ever_drifted(shift, looks, rows=2000, run=1, horizon=None):
    """Return the share of streams of a binary column in which each look, or one before, drifted.

    Each stream has a new baseline, and each run of `run` rows repeats one row.
    """
    test = SequentialTest(looks=horizon or looks)
    random = np.random.default_rng(0)
    baseline = random.binomial(BASELINE, 0.32, STREAMS)[:, None]
    totals = np.full(STREAMS, BASELINE)
    events = random.binomial(rows // run, 0.32 + shift, (looks, STREAMS))[:, :, None] * run
    drifted = np.zeros((looks, STREAMS), bool)
    for look in range(looks):
        last = slice(max(0, look + 1 - LONGEST), look + 1)
        size = events[last].shape[:2]
        effects = run * random.chisquare(25, size) / 25
        e_values = test.e_values(baseline, totals, events[last], np.full(size, rows), effects)
        drifted[look] = e_values >= 1 / test.alpha
    return np.maximum.accumulate(drifted, axis=0).mean(axis=1)


def ever_significant(shift, looks, rows=2000):
    """Return the share of streams in which a test of each window alone is ever significant."""
    random = np.random.default_rng(0)
    baseline = random.binomial(BASELINE, 0.32, STREAMS)
    found = random.binomial(rows, 0.32 + shift, (looks, STREAMS))
    pooled = (baseline + found) / (BASELINE + rows)
    error = np.sqrt(pooled * (1 - pooled) * (1 / BASELINE + 1 / rows))
    z = (found / rows - baseline / BASELINE) / error
    return np.mean((2 * stats.norm.sf(np.abs(z)) < 0.05).any(axis=0))


@pytest.mark.parametrize(("run", "rows"), [(1, 2000), (20, 2000), (1, 200)])
def test_streams_at_the_edge_of_the_tolerance_seldom_ever_drift(run, rows):
    assert ever_drifted(0.02, looks=60, rows=rows, run=run)[-1] <= 0.05


def test_a_test_of_each_window_alone_alarms_sooner_or_later():
    assert ever_significant(0.0, looks=60) > 0.8


def test_a_share_that_rises_by_ten_points_drifts_within_two_windows():
    first, second = ever_drifted(0.10, looks=2, horizon=720)
    assert first > 0.6
    assert second >= 0.95


def test_a_change_after_many_equal_windows_is_found_as_soon():
    test = SequentialTest()
    equal, risen = [[[640]]] * 60, [[[860]]] * 2
    events = np.array([*equal, *risen], float)
    size = events.shape[:2]
    found = [
        test.e_values(
            np.array([[1280]]), np.array([4000]), events[:look], np.full(size, 2000)[:look],
            np.ones(size)[:look],
        )[0]
        for look in (60, 62)
    ]  # fmt: skip
    assert found[0] == 0
    assert found[1] >= 1 / test.alpha


def test_dependent_rows_are_less_evidence():
    test = SequentialTest()
    arguments = (np.array([[1280]]), np.array([4000]), np.array([[[840]]]), np.array([[2000]]))
    independent, dependent = (test.e_values(*arguments, np.array([[d]]))[0] for d in (1, 10))
    assert dependent < independent / 1000
    for noise in (0.1, 1.4):  # of one window: not significant
        assert test.e_values(*arguments, np.array([[noise]]))[0] == independent


def test_a_look_without_rows_counts_nothing():
    test = SequentialTest()
    events, rows = np.array([[[840.0]], [[850.0]]]), np.full((2, 1), 2000.0)
    arguments = np.array([[1280.0]]), np.array([4000.0])
    plain = test.e_values(*arguments, events, rows, np.full((2, 1), 3.0))
    padded = [np.pad(a, [(5, 0), *[(0, 0)] * (a.ndim - 1)]) for a in (events, rows)]
    found = test.e_values(*arguments, *padded, np.pad(np.full((2, 1), 3.0), ((5, 0), (0, 0))))
    assert found == pytest.approx(plain)
    assert found[0] > 0


def test_a_column_with_one_bin_is_not_tested():
    one = np.ones((1, 1))
    assert SequentialTest().e_values(np.empty((1, 0)), one[0], np.empty((1, 1, 0)), one, one) == [0]


def test_equal_columns_are_seldom_discovered_however_they_depend():
    """All columns repeat the first one: the worst case for counting columns."""
    random = np.random.default_rng(1)
    test = SequentialTest(looks=1)
    draws = 4000
    e_values = test.e_values(
        random.binomial(BASELINE, 0.32, draws)[:, None],
        np.full(draws, BASELINE),
        random.binomial(2000, 0.34, draws)[None, :, None],
        np.full((1, draws), 2000),
        np.ones((1, draws)),
    )
    weights = np.full(10, 0.1)
    found = [e_benjamini_hochberg(np.full(10, e), weights, 0.05).any() for e in e_values]
    assert np.mean(found) <= 0.05
