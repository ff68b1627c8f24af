"""Criteria of the service: the shares of failed and of slow answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.comparison.levels import Levels
from evaluation.comparison.needed import more_records_needed
from evaluation.comparison.rates import RateCounts, rate_limits
from evaluation.comparison.verdicts import verdict_of
from evaluation.curves import Floats
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

ERRORS = "errors"
# Answers of the stable release that decide what is slow; they are not compared.
LATENCY_REFERENCE = 200


@dataclass(frozen=True)
class RateCriterion:
    """How two rates are compared.

    The verdict is `worse` above `tolerance`. `expected` is about how frequent the event is; it
    decides where the limits are tightest.
    """

    name: str
    margin: float
    expected: float
    tolerance: float = 0.0


@dataclass(frozen=True)
class SlowAnswers:
    """Answers that take more than `ratio` times a quantile of the stable release's latency.

    A latency always differs a little, so that the candidate is worse only if its share of slow
    answers is larger by more than half of `margin`.
    """

    quantile: float
    margin: float
    ratio: float = 1.25

    @property
    def criterion(self) -> RateCriterion:
        """The criterion, named as in `latency_p95`."""
        name = f"latency_p{self.quantile * 100:.0f}"
        return RateCriterion(name, self.margin, (1 - self.quantile) / self.ratio, self.margin / 2)


SLOW_ANSWERS = SlowAnswers(0.5, margin=0.1), SlowAnswers(0.95, margin=0.05)
"""A candidate may be slow in the typical answer, or in the slowest ones."""
SLOW_SHADOWS = tuple(replace(kind, ratio=3.0) for kind in SLOW_ANSWERS)
"""A shadow computes while the gateway and the machine are busy with the next answers, which no
answer waits for: a release that is equally fast is slower as a shadow. Its canary tells more.
"""


def errors_criterion(counts: RateCounts, margin: float, levels: Levels) -> CriterionResult:
    """Compare the shares of answers that failed; any certain excess is `worse`."""
    criterion = RateCriterion(ERRORS, margin, expected=margin)
    return rate_criterion(criterion, counts, levels, "share of answers that failed")


def latency_criteria(
    candidate: NDArray[np.bool_],
    seconds: Floats,
    levels: Levels,
    kinds: Sequence[SlowAnswers] = SLOW_ANSWERS,
) -> list[CriterionResult]:
    """Compare the shares of slow answers.

    `candidate` [N] says whose answer each is, `seconds` [N] how long it took, in the order of
    time and without failed answers. The first 200 answers of the stable release decide what is
    slow. As this is fixed from then on, the shares are plain rates.
    """
    stable = np.flatnonzero(~candidate)
    reference, missing = stable[:LATENCY_REFERENCE], LATENCY_REFERENCE - len(stable)
    if missing > 0:
        detail = f"{missing} more answers of the stable release decide what is slow"
        none = RateCounts(0, 0, 0, 0)
        return [rate_criterion(kind.criterion, none, levels, detail) for kind in kinds]
    compared = np.ones(len(seconds), np.bool_)
    compared[reference] = False
    results = []
    for kind in kinds:
        limit = kind.ratio * float(np.quantile(seconds[reference], kind.quantile))
        counts = RateCounts.of(candidate[compared], seconds[compared] > limit)
        detail = f"share of answers that took more than {limit * 1000:.3g} ms"
        results.append(rate_criterion(kind.criterion, counts, levels, detail))
    return results


def rate_criterion(
    criterion: RateCriterion, counts: RateCounts, levels: Levels, detail: str = ""
) -> CriterionResult:
    """Compare two rates, from counts."""
    lower, upper = rate_limits(counts, levels.lower, levels.upper, criterion.expected)
    verdict = verdict_of(lower, upper, criterion.margin, criterion.tolerance)
    needed, known = None, counts.difference is not None
    if verdict is ComparisonVerdict.UNDECIDED:
        needed = more_records_needed(counts, criterion.margin, levels.upper, criterion.expected)
    return CriterionResult(
        name=criterion.name,
        estimate=counts.difference,
        lower=lower if known else None,
        upper=upper if known else None,
        lower_error=levels.lower,
        upper_error=levels.upper,
        margin=criterion.margin,
        candidate_records=counts.candidate,
        stable_records=counts.stable,
        verdict=verdict,
        needed=needed,
        detail=detail,
    )
