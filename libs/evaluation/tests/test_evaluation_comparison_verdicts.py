"""Verdicts on a candidate: each criterion, their combination, and the number still needed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from evaluation.comparison import (
    LabelledLosses,
    Levels,
    Losses,
    PairedAnswers,
    RateCounts,
    ServedAnswers,
    canary_criteria,
    combined_verdict,
    errors_criterion,
    outputs_criterion,
    paired_quality,
    shadow_criteria,
    verdict_of,
)
from evaluation.comparison.betting import bets, log_gains, mixture
from platform_core.contracts.comparison import ComparisonVerdict

BETTER, WORSE, EQUIVALENT, UNDECIDED = ComparisonVerdict
LEVELS, LOSSES = Levels.of(4), Losses(margin=0.01)


def traffic(rows, seed=5, slower=1.0, failing=0.0):
    """ServedAnswers of which a tenth are the candidate's."""
    random = np.random.default_rng(seed)
    candidate = random.random(rows) < 0.1
    seconds = np.exp(random.normal(-4.5, 0.5, rows)) * np.where(candidate, slower, 1.0)
    return ServedAnswers(candidate, candidate & (random.random(rows) < failing), seconds)


def labelled(answers, wrong, wrong_of_candidate, seed=6):
    rates = np.where(answers.candidate, wrong_of_candidate, wrong)
    losses = np.random.default_rng(seed).random(len(rates)) < rates
    return LabelledLosses(answers.candidate, losses.astype(float))


def by_name(criteria):
    return {one.name: one for one in criteria}


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (-0.03, -0.01, BETTER),
        (-0.03, 0.005, EQUIVALENT),
        (0.001, 0.005, EQUIVALENT),
        (0.001, 0.03, WORSE),
        (-0.03, 0.03, UNDECIDED),
    ],
)
def test_the_verdict_follows_from_the_limits(lower, upper, verdict):
    assert verdict_of(lower, upper, margin=0.01) is verdict


def test_a_tolerance_keeps_small_certain_differences_from_being_worse():
    assert verdict_of(0.001, 0.03, margin=0.01, tolerance=0.01) is UNDECIDED
    assert verdict_of(0.02, 0.03, margin=0.01, tolerance=0.01) is WORSE


@pytest.mark.parametrize(
    ("answers", "wrong_of_candidate", "guilty"),
    [
        (traffic(2700, failing=0.05), 0.03, "errors"),
        (traffic(2700, slower=2.0), 0.03, "latency_p50"),
        (traffic(2700), 0.97, "quality"),
    ],
    ids=["5 % errors", "twice the latency", "inverted answers"],
)
def test_a_bad_canary_is_worse_within_300_of_its_answers(answers, wrong_of_candidate, guilty):
    criteria = canary_criteria(answers, labelled(answers, 0.03, wrong_of_candidate), LOSSES)
    assert answers.candidate.sum() <= 300
    assert by_name(criteria)[guilty].verdict is WORSE
    assert combined_verdict(criteria) == (WORSE, None)


def test_a_canary_that_equals_the_stable_release_becomes_equivalent():
    answers = traffic(150_000)
    criteria = canary_criteria(answers, labelled(answers, 0.05, 0.05), LOSSES)
    assert combined_verdict(criteria) == (EQUIVALENT, None)


def test_a_canary_without_labels_stays_undecided():
    answers = traffic(150_000)
    none = LabelledLosses(np.array([], bool), np.array([]))
    criteria = canary_criteria(answers, none, LOSSES)
    quality = by_name(criteria)["quality"]
    assert (quality.estimate, quality.lower, quality.upper) == (None, None, None)
    assert combined_verdict(criteria) == (UNDECIDED, None)
    assert by_name(criteria)["errors"].verdict is EQUIVALENT


def test_a_shadow_that_answers_alike_is_equivalent_without_labels():
    answers = replace(traffic(10_000), candidate=np.arange(10_000) % 2 == 0)
    pairs = PairedAnswers(
        (np.random.default_rng(3).random(5000) < 0.001).astype(float), np.empty(0)
    )
    criteria = shadow_criteria(answers, pairs, LOSSES)
    assert by_name(criteria)["outputs"].verdict is EQUIVALENT
    assert by_name(criteria)["quality"].verdict is UNDECIDED
    assert combined_verdict(criteria) == (EQUIVALENT, None)


def test_outputs_that_differ_say_neither_better_nor_worse():
    result = outputs_criterion(np.ones(5000), LOSSES, LEVELS.for_outputs())
    assert (result.verdict, result.needed) == (UNDECIDED, None)
    assert result.lower > 0.9
    assert "labels must tell" in result.detail


def test_a_shadow_with_labels_is_better_or_worse():
    answers = replace(traffic(10_000), candidate=np.arange(10_000) % 2 == 0)
    random = np.random.default_rng(3)
    gains = random.choice([-1.0, 0.0, 1.0], 5000, p=[0.05, 0.94, 0.01])
    for losses, verdict in ((gains, BETTER), (-gains, WORSE)):
        criteria = shadow_criteria(answers, PairedAnswers(np.abs(gains), losses), LOSSES)
        assert combined_verdict(criteria) == (verdict, None)


def test_numbers_are_compared_in_units_of_the_label():
    random = np.random.default_rng(3)
    errors = np.abs(random.normal(0, 20, (2, 4000))).clip(max=200)
    losses = Losses(margin=5, bound=200)
    result = paired_quality(errors[0] - errors[1], losses, LEVELS)
    assert result.verdict is EQUIVALENT
    assert result.estimate == pytest.approx((errors[0] - errors[1]).mean())
    assert paired_quality(errors[0] + 30 - errors[1], losses, LEVELS).verdict is WORSE


def test_the_number_still_needed_decides_in_four_of_five_futures():
    random = np.random.default_rng(11)
    shares = [0.02, 0.96, 0.02]
    seen = np.repeat([-1.0, 0.0, 1.0], [10, 480, 10])
    needed = paired_quality(seen, LOSSES, LEVELS).needed
    steps = np.diff(np.linspace(needed / 6, needed, 40).astype(int), prepend=0)
    further = random.multinomial(steps, shares, (200, len(steps))).cumsum(axis=1)
    counts = further + [(seen == value).sum() for value in (-1, 0, 1)]
    # Bets against "the mean is at least the margin".
    evidence = mixture(counts @ log_gains(np.array([1.0, 0.0, -1.0]), -0.01, bets(0.01)))
    decided = (evidence >= np.log(1 / LEVELS.upper)).any(axis=1).mean()
    assert 0.7 <= decided <= 0.9


def test_equal_evidence_needs_an_equal_number_and_more_records_need_less():
    needed = [
        errors_criterion(RateCounts(n, 0, 9 * n, 0), 0.01, LEVELS).needed for n in (100, 300, 500)
    ]
    assert needed == sorted(needed, reverse=True)
    assert all(later < earlier for earlier, later in pairwise(needed))
    assert errors_criterion(RateCounts(100, 0, 900, 0), 0.01, LEVELS).needed == needed[0]


def test_the_combined_number_is_the_largest_and_unknown_if_one_is():
    some, few = RateCounts(300, 2, 2700, 0), RateCounts(5, 0, 45, 0)
    errors = errors_criterion(some, 0.01, LEVELS)
    quality = paired_quality(np.tile([1.0, 0, 0, -1.0], 50), LOSSES, LEVELS)
    assert combined_verdict([errors, quality]) == (UNDECIDED, max(errors.needed, quality.needed))
    unknown = errors_criterion(few, 0.01, LEVELS)
    assert combined_verdict([unknown, quality]) == (UNDECIDED, None)
