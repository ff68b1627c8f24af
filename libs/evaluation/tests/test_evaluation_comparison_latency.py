"""Verdicts on latency: equal releases on a busy machine, and slower ones."""

import numpy as np
import pytest

from evaluation.comparison import (
    CANARY_LATENCY,
    SHADOW_LATENCY,
    Levels,
    latency_criteria,
    measured_latency,
    ratio_limits,
)
from evaluation.comparison.blocks import block_medians
from platform_core.contracts.comparison import ComparisonVerdict

BETTER, WORSE, EQUIVALENT, UNDECIDED = ComparisonVerdict
LEVELS = Levels.of(4)
RUNS = 40
LOOKS = (500, 1500, 3000, 6000)


def calm(rows, seed, slower, share=0.1, spread=0.5):
    """Answers of a calm machine: whose each is, and its seconds."""
    random = np.random.default_rng(seed)
    candidate = random.random(rows) < share
    return candidate, random.lognormal(-4.5, spread, rows) * np.where(candidate, slower, 1.0)


def busy(rows, seed, slower, share=0.1):
    """Answers of a busy machine.

    Its load comes and goes, by a factor of about three for some seconds. One answer in twenty waits
    for the processor several times as long as it takes, of the candidate twice as many, because
    its process is used less. A candidate with `slower` = 1 takes a tenth longer for that reason.
    """
    random = np.random.default_rng(seed)
    candidate = random.random(rows) < share
    spells = np.repeat(random.normal(0, 0.5, rows // 100 + 1), 100)[:rows]
    waits = random.random(rows) < np.where(candidate, 0.1, 0.05)
    seconds = np.exp(spells + random.normal(-6.5, 0.4, rows))
    seconds *= np.where(waits, random.lognormal(1.5, 0.5, rows), 1.0)
    return candidate, seconds * np.where(candidate, 1.1 * slower, 1.0)


def is_ever_worse(traffic, rule, looks):
    """Whether a criterion is `worse` with one of the numbers of records in `looks`."""
    candidate, seconds = traffic
    read = (latency_criteria(candidate[:end], seconds[:end], LEVELS, rule) for end in looks)
    return any(one.verdict is WORSE for criteria in read for one in criteria)


@pytest.mark.parametrize(
    ("rule", "share"),
    [(CANARY_LATENCY, 0.1), (CANARY_LATENCY, 0.5), (SHADOW_LATENCY, 0.5)],
    ids=["canary of 10 %", "canary of 50 %", "shadow"],
)
def test_an_equal_release_on_a_busy_machine_is_hardly_ever_worse(rule, share):
    found = [is_ever_worse(busy(6000, seed, 1.0, share), rule, LOOKS) for seed in range(RUNS)]
    assert sum(found) <= 0.05 * RUNS


@pytest.mark.parametrize("traffic", [calm, busy])
def test_a_canary_with_twice_the_latency_is_worse_within_300_of_its_answers(traffic):
    made = [traffic(2700, seed, 2.0) for seed in range(RUNS)]
    assert max(candidate.sum() for candidate, _ in made) <= 320
    found = [is_ever_worse(one, CANARY_LATENCY, (1000, 2700)) for one in made]
    assert sum(found) >= 0.95 * RUNS


@pytest.mark.parametrize(("slower", "verdict"), [(2.0, EQUIVALENT), (4.0, WORSE)])
def test_a_shadow_is_worse_only_if_it_is_slower_by_a_clear_factor(slower, verdict):
    candidate, seconds = calm(4000, 1, slower, share=0.5)
    p50, _ = latency_criteria(candidate, seconds, LEVELS, SHADOW_LATENCY)
    assert p50.verdict is verdict
    p50, _ = latency_criteria(candidate, seconds, LEVELS, CANARY_LATENCY)
    assert p50.verdict is WORSE


def test_an_equal_canary_becomes_equivalent_and_a_bit_slower_one_as_well():
    for slower in (1.0, 1.05):
        for one in latency_criteria(*calm(20_000, 2, slower), LEVELS, CANARY_LATENCY):
            assert one.verdict is EQUIVALENT
            assert one.lower < one.estimate < one.upper < one.margin


def test_a_canary_that_is_slow_only_in_its_slowest_answers_is_worse():
    candidate, seconds = calm(20_000, 3, 1.0, spread=0.2)
    hangs = candidate & (np.random.default_rng(4).random(20_000) < 0.15)
    p50, p95 = latency_criteria(candidate, seconds * np.where(hangs, 10, 1), LEVELS, CANARY_LATENCY)
    assert (p50.verdict, p95.verdict) == (EQUIVALENT, WORSE)
    assert p95.estimate == pytest.approx(0.15, abs=0.02)


def test_a_load_that_rises_for_both_does_not_look_like_a_slow_canary():
    candidate, seconds = calm(6000, 5, 1.0)
    rising = seconds * np.geomspace(1, 20, 6000)
    verdicts = [one.verdict for one in latency_criteria(candidate, rising, LEVELS, CANARY_LATENCY)]
    assert verdicts == [EQUIVALENT, EQUIVALENT]


def test_few_answers_of_the_stable_release_do_not_say_what_is_slow():
    _, p95 = latency_criteria(*calm(100, 6, 1.0), LEVELS, CANARY_LATENCY)
    assert (p95.verdict, p95.estimate) == (UNDECIDED, None)
    assert "more answers of the stable release decide what is slow" in p95.detail


def test_without_pairs_nothing_is_known():
    none = np.zeros(0)
    for one in latency_criteria(none.astype(bool), none, LEVELS, CANARY_LATENCY):
        assert (one.verdict, one.estimate, one.lower, one.upper) == (UNDECIDED, None, None, None)


def test_the_limits_of_a_median_are_finite_and_ever_exclude_it_in_few_runs():
    assert ratio_limits(np.array([2.0]), LEVELS) == (0.1, 10.0)
    missed = 0
    for seed in range(100):
        ratios = np.random.default_rng(seed).lognormal(0.0, 0.7, 800)
        limits = [ratio_limits(ratios[:end], LEVELS) for end in (50, 100, 200, 400, 800)]
        missed += not all(lower <= 1.0 <= upper for lower, upper in limits)
    assert missed / 100 <= LEVELS.lower + LEVELS.upper


def test_the_medians_of_a_block_are_those_of_its_records():
    candidate = np.array([0, 0, 0, 1, 1, 0, 1, 0], bool)
    mine, theirs = block_medians(candidate, np.array([1.0, 5.0, 2.0, 7.0, 3.0, 4.0, 9.0, 6.0]))
    assert mine.tolist() == [7.0, 6.0]
    assert theirs.tolist() == [2.0, 4.0]


def test_the_number_needed_is_known_where_it_is_decided_one_day():
    undecided, _ = latency_criteria(*calm(400, 7, 1.2), LEVELS, CANARY_LATENCY)
    assert (undecided.verdict, undecided.needed) == (UNDECIDED, pytest.approx(294, rel=0.5))
    never, _ = latency_criteria(*calm(400, 7, 1.6), LEVELS, CANARY_LATENCY)
    assert (never.verdict, never.needed) == (UNDECIDED, None)


def measured(service_factor, caller_factor):
    """The verdicts on a canary of 10 % by service time, tails of it, and what callers wait for."""
    candidate, service = calm(6000, 8, service_factor)
    waits = np.random.default_rng(9).lognormal(-3.5, 0.8, 6000)
    seconds = (service + waits) * np.where(candidate, caller_factor, 1.0)
    criteria = measured_latency(candidate, seconds, service, LEVELS, CANARY_LATENCY)
    return {one.name: one.verdict for one in criteria}


def test_a_canary_that_waits_longer_for_a_processor_is_not_worse():
    assert set(measured(1.0, 2.0).values()) == {EQUIVALENT}


def test_a_release_that_takes_twice_as_long_is_worse_however_long_callers_wait():
    assert measured(2.0, 1.0)["latency_p50"] is WORSE


def test_a_canary_that_its_callers_wait_for_four_times_as_long_is_worse():
    verdicts = measured(1.0, 4.0)
    assert (verdicts["latency_p50"], verdicts["latency_caller"]) == (EQUIVALENT, WORSE)


def test_where_service_times_are_unknown_what_callers_wait_for_is_compared():
    candidate, seconds = calm(3000, 8, 2.0)
    unknown = np.full(3000, np.nan)
    p50, p95 = measured_latency(candidate, seconds, unknown, LEVELS, CANARY_LATENCY)
    assert (p50.name, p50.verdict, p95.name) == ("latency_p50", WORSE, "latency_p95")


def test_a_difference_of_latency_is_also_given_in_percent():
    candidate, _ = calm(400, 1, 1.0, share=0.5)
    (typical, *_) = latency_criteria(
        candidate, np.where(candidate, 2.0, 1.0), LEVELS, CANARY_LATENCY
    )
    assert typical.detail == "+100 % compared with stable answers of the same time"
