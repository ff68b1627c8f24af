"""Criteria of the latency: the ratio of typical answers, and the share of slow ones.

What a release takes is judged by its service time, which leaves out waiting for a processor, and
what its callers wait for by a clear factor. Both compare a candidate's answer only with the stable
answers around it (see `blocks`). A machine that is busy for a minute slows both, so that load alone
changes neither criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.comparison.betting import BoundedValues, bets, log_gains, mixture
from evaluation.comparison.blocks import block_differences, block_medians
from evaluation.comparison.levels import Levels
from evaluation.comparison.needed import more_ratios_needed
from evaluation.comparison.quality import Losses, bounded_criterion
from evaluation.curves import Floats
from evaluation.verdicts import verdict_of
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

LATENCY_REFERENCE = 200
"""Answers of the stable release whose 95th percentile says what is slow among the next ones."""
LARGEST_RATIO = 10.0
"""Ratios are clipped here, so that their limits are finite before there is evidence."""
SMALLEST_SHIFT = 0.2
"""The smallest excess of one sign over the other that the bets on a median are made for."""


@dataclass(frozen=True)
class LatencyRule:
    """How much slower than the stable release a candidate may be.

    `tolerance` and `margin` are shares of the stable release's latency: above `tolerance` the
    typical answer is `worse`, below `margin` `equivalent`. An answer is slow if it takes more than
    `slow` times the stable release's 95th percentile; the share of slow answers may be larger by
    `slow_tolerance` (`worse` above) and `slow_margin` (`equivalent` below).
    """

    tolerance: float
    margin: float
    slow: float
    slow_tolerance: float
    slow_margin: float


CANARY_LATENCY = LatencyRule(0.25, 0.5, slow=2.0, slow_tolerance=0.05, slow_margin=0.1)
"""What callers wait for, where the service time is unknown. On a busy machine an equal canary of
10 % can take twice as long, because its program waits longer for a processor.
"""
SHADOW_LATENCY = LatencyRule(2.0, 2.0, slow=3.0, slow_tolerance=0.25, slow_margin=0.25)
"""A shadow computes while the gateway and the machine are busy with the next answers, and no caller
waits for it. It is called worse only if it is certainly slower by a factor of three; the canary
that follows is measured as its callers see it.
"""
SERVICE_LATENCY = LatencyRule(0.5, 0.75, slow=2.0, slow_tolerance=0.05, slow_margin=0.1)
"""The service time of an equal canary of 10 % was 1.4 times as long on a busy machine: a program
that is called seldom finds its data in slower caches.
"""
CALLER_LATENCY = SHADOW_LATENCY
"""What callers wait for, where the service time is judged as well: only the factor is used."""
CALLER = "latency_caller"


def measured_latency(
    candidate: NDArray[np.bool_],
    seconds: Floats,
    service: Floats,
    levels: Levels,
    rule: LatencyRule,
) -> list[CriterionResult]:
    """Compare service times, and by a clear factor what callers wait for; where most service times
    are unknown (NaN in `service`), compare what callers wait for by `rule`.

    `candidate` [N], `seconds` [N] and `service` [N] are in the order of time.
    """
    known = ~np.isnan(service)
    if known.sum() <= len(service) / 2:
        return latency_criteria(candidate, seconds, levels, rule)
    criteria = latency_criteria(candidate[known], service[known], levels, SERVICE_LATENCY)
    return [*criteria, _typical_answers(candidate, seconds, levels, CALLER_LATENCY, CALLER)]


def latency_criteria(
    candidate: NDArray[np.bool_], seconds: Floats, levels: Levels, rule: LatencyRule
) -> list[CriterionResult]:
    """Compare the latencies of answers.

    `candidate` [N] says whose answer each is, `seconds` [N] how long it took, in the order of
    time and without failed answers.
    """
    return [
        _typical_answers(candidate, seconds, levels, rule),
        _slow_answers(candidate, seconds, levels, rule),
    ]


def ratio_limits(ratios: Floats, levels: Levels) -> tuple[float, float]:
    """Return the limits of the median of ratios [N], clipped to [1 / 10, 10].

    At any time, the median is below the lower limit with a probability of at most `levels.lower`
    and above the upper one with `levels.upper`: a sign test by betting. Nothing is assumed of the
    ratios but that each one's median, given those before, is what the limits are about.
    """
    ordered = np.sort(ratios)
    lowest, highest = 1 / LARGEST_RATIO, LARGEST_RATIO
    above = _least_majority(len(ordered), levels.lower)
    below = _least_majority(len(ordered), levels.upper)
    lower = lowest if above is None else max(float(ordered[-above]), lowest)
    upper = highest if below is None else min(float(ordered[below - 1]), highest)
    return lower, upper


def _relative(difference: float | None) -> str:
    """Return a relative difference in words; nothing where it is unknown."""
    if difference is None:
        return ""
    return f"{100 * difference:+.0f} % compared with stable answers of the same time"


def _typical_answers(
    candidate: NDArray[np.bool_],
    seconds: Floats,
    levels: Levels,
    rule: LatencyRule,
    name: str = "latency_p50",
) -> CriterionResult:
    mine, theirs = block_medians(candidate, seconds)
    ratios = mine / np.maximum(theirs, np.finfo(float).tiny)
    lower, upper = (limit - 1 for limit in ratio_limits(ratios, levels))
    verdict = verdict_of(lower, upper, rule.margin, rule.tolerance)
    needed = None
    if verdict is ComparisonVerdict.UNDECIDED:
        slower = int((ratios >= 1 + rule.margin).sum())
        needed = more_ratios_needed(slower, len(ratios), levels.upper, SMALLEST_SHIFT)
    ours, known = int(candidate.sum()), len(ratios) > 0
    if needed is not None:
        needed = -(-needed * ours // len(ratios))
    estimate = float(np.median(ratios)) - 1 if known else None
    return CriterionResult(
        name=name,
        estimate=estimate,
        lower=lower if known else None,
        upper=upper if known else None,
        lower_error=levels.lower,
        upper_error=levels.upper,
        margin=rule.margin,
        candidate_records=ours,
        stable_records=len(candidate) - ours,
        verdict=verdict,
        needed=needed,
        detail=_relative(estimate),
    )


def _slow_answers(
    candidate: NDArray[np.bool_], seconds: Floats, levels: Levels, rule: LatencyRule
) -> CriterionResult:
    limits = rule.slow * _references(candidate, seconds)
    known = ~np.isnan(limits)
    mine, slow = candidate[known], (seconds > limits)[known].astype(np.float64)
    losses = Losses(rule.slow_margin)
    values = BoundedValues.of(block_differences(mine, slow))
    ours = int(mine.sum())
    records = ours, len(mine) - ours
    name, tolerance = "latency_p95", rule.slow_tolerance
    result = bounded_criterion(name, values, losses, levels, records, tolerance)
    missing = LATENCY_REFERENCE - int((~candidate).sum())
    if missing > 0:
        detail = f"{missing} more answers of the stable release decide what is slow"
    else:
        detail = f"share of answers that took more than {limits[-1] * 1000:.3g} ms"
    return result.model_copy(update={"detail": detail})


def _references(candidate: NDArray[np.bool_], seconds: Floats) -> Floats:
    """Return for each answer [N] the 95th percentile of 200 stable answers before it, NaN where
    there are not so many. It is renewed after every 200, so that it follows the load.
    """
    before: NDArray[np.int64] = np.cumsum(~candidate) - ~candidate
    stable = seconds[~candidate]
    whole = len(stable) // LATENCY_REFERENCE * LATENCY_REFERENCE
    chunks = stable[:whole].reshape(-1, LATENCY_REFERENCE)
    known = np.quantile(chunks, 0.95, axis=1) if whole else np.empty(0)
    references: Floats = np.concatenate([[np.nan], known])[before // LATENCY_REFERENCE]
    return references


def _least_majority(values: int, error: float) -> int | None:
    """Return the smallest number of equal signs among `values` that shows, at any time, that their
    probability exceeds 1/2; `None` if even all of them do not.
    """
    gains = log_gains(np.array([1.0, -1.0]), 0.0, bets(SMALLEST_SHIFT))
    low, high = -1, values + 1  # enough is: not low, and high if it is at most `values`
    while high - low > 1:
        middle = (low + high) // 2
        if float(mixture(np.array([middle, values - middle]) @ gains)) >= -np.log(error):
            high = middle
        else:
            low = middle
    return high if high <= values else None
