"""The criterion of failures: the shares of failed answers."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.comparison.levels import Levels
from evaluation.comparison.needed import more_records_needed
from evaluation.comparison.rates import RateCounts, rate_limits
from evaluation.comparison.verdicts import verdict_of
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

ERRORS = "errors"


@dataclass(frozen=True)
class RateCriterion:
    """How two rates are compared.

    `expected` is about how frequent the event is; it decides where the limits are tightest.
    """

    name: str
    margin: float
    expected: float


def errors_criterion(counts: RateCounts, margin: float, levels: Levels) -> CriterionResult:
    """Compare the shares of answers that failed; any certain excess is `worse`."""
    criterion = RateCriterion(ERRORS, margin, expected=margin)
    return rate_criterion(criterion, counts, levels, "share of answers that failed")


def rate_criterion(
    criterion: RateCriterion, counts: RateCounts, levels: Levels, detail: str = ""
) -> CriterionResult:
    """Compare two rates, from counts."""
    lower, upper = rate_limits(counts, levels.lower, levels.upper, criterion.expected)
    verdict = verdict_of(lower, upper, criterion.margin)
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
