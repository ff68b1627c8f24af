"""Confidence sequences: coverage at every reading, and agreement with exact results."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evaluation.comparison import (
    BoundedValues,
    RateCounts,
    block_differences,
    lower_limit,
    rate_limits,
    upper_limit,
)
from evaluation.comparison.betting import bets, log_gains, mixture
from evaluation.comparison.rates import log_evidence_below
from platform_core.errors import InvalidData


@st.composite
def two_rates(draw):
    candidate, stable = draw(st.integers(1, 400)), draw(st.integers(1, 4000))
    return RateCounts(
        candidate, draw(st.integers(0, candidate)), stable, draw(st.integers(0, stable))
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_limits_of_a_mean_enclose_the_observed_mean(values):
    counted = BoundedValues.of(values)
    lower, upper = (limit(counted, 0.05, 0.01) for limit in (lower_limit, upper_limit))
    assert -1 <= lower <= counted.mean + 1e-9
    assert counted.mean - 1e-9 <= upper <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60), st.integers(0, 60))
def test_limits_depend_on_counts_alone_so_that_parts_can_be_added(values, cut):
    parts = BoundedValues.of(values[:cut]) + BoundedValues.of(values[cut:])
    whole = BoundedValues.of(values)
    assert len(parts) == len(whole)
    assert upper_limit(parts, 0.05, 0.01) == pytest.approx(upper_limit(whole, 0.05, 0.01))


@settings(max_examples=25, deadline=None)
@given(two_rates())
def test_limits_of_rates_enclose_the_observed_difference(rates):
    lower, upper = rate_limits(rates, 0.05, 0.05, 0.1)
    assert -1 <= lower <= rates.difference + 1e-6
    assert rates.difference - 1e-6 <= upper <= 1


@settings(max_examples=25, deadline=None)
@given(two_rates())
def test_the_limits_of_exchanged_releases_change_their_signs(rates):
    exchanged = RateCounts(
        rates.stable, rates.stable_events, rates.candidate, rates.candidate_events
    )
    lower, upper = rate_limits(rates, 0.05, 0.05, 0.5)
    mirrored = rate_limits(exchanged, 0.05, 0.05, 0.5)
    assert mirrored == pytest.approx((-upper, -lower), abs=1e-4)


def test_a_sequence_is_wider_than_the_exact_interval_of_one_reading_but_not_by_much():
    upper = upper_limit(BoundedValues.of([1.0] * 20 + [0.0] * 980), 0.05, 0.01)
    exact = binomtest(20, 1000).proportion_ci(0.9).high
    assert exact < upper < exact + 0.015


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_a_mean_is_seldom_excluded_in_any_of_many_readings(rate):
    random = np.random.default_rng(7)
    steps = np.diff(np.geomspace(10, 20_000, 100).astype(int), prepend=0)
    shares = [rate / 2, 1 - rate, rate / 2]
    counts = random.multinomial(steps, shares, (1000, len(steps))).cumsum(axis=1)
    evidence = mixture(counts @ log_gains(np.array([-1.0, 0.0, 1.0]), 0.0, bets(0.01)))
    excluded = (evidence >= np.log(20)).any(axis=1).mean()
    assert 0 < excluded <= 0.05


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_equal_rates_are_seldom_excluded_in_any_of_many_readings(rate):
    random = np.random.default_rng(7)
    stable_steps = np.diff(np.geomspace(100, 20_000, 30).astype(int), prepend=0)
    sides = []
    for steps in (stable_steps // 9, stable_steps):
        events = random.binomial(steps, rate, (500, len(steps))).cumsum(axis=1)
        sides += [steps.cumsum(), events]
    evidence = log_evidence_below(tuple(sides), 0.0, 0.05)
    assert (evidence >= np.log(20)).any(axis=1).mean() <= 0.05


def test_limits_are_where_the_evidence_suffices():
    counts = RateCounts(300, 9, 2700, 12)
    _, upper = rate_limits(counts, 0.05, 0.05, 0.05)
    arrays = counts.candidate, counts.candidate_events, counts.stable, counts.stable_events
    below, above = log_evidence_below(arrays, [upper - 1e-3, upper + 1e-3], 0.05)
    assert below < np.log(20) < above


def test_without_records_nothing_is_excluded():
    assert rate_limits(RateCounts(0, 0, 500, 3), 0.05, 0.05, 0.01) == (-1, 1)
    assert lower_limit(BoundedValues.of([]), 0.05, 0.01) == -1


def test_impossible_counts_and_losses_beyond_the_bound_are_refused():
    with pytest.raises(InvalidData, match="4 events among 3 records"):
        RateCounts(3, 4, 10, 0)
    with pytest.raises(InvalidData, match="clip the losses at 2"):
        BoundedValues.of([0.5, 2.5], bound=2)
    with pytest.raises(InvalidData, match="must be between -1 and 1, not nan"):
        BoundedValues.of([float("nan")])


def test_a_candidates_answer_is_compared_with_the_stable_ones_before_it():
    candidate = np.array([1, 0, 0, 1, 1, 0, 1, 0], bool)
    losses = np.array([1, 0, 1, 0, 1, 1, 1, 0], float)
    # Blocks: 1 0 0 1 | 1 0 1 | 0, the last one unfinished.
    assert block_differences(candidate, losses) == pytest.approx([0.5 - 0.5, 1.0 - 1.0])
    assert len(block_differences(np.array([True, True]), np.zeros(2))) == 0
    assert len(block_differences(np.array([], bool), np.zeros(0))) == 0
