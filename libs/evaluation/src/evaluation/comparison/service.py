"""The criterion of failures: the shares of failed answers."""

from __future__ import annotations

from evaluation.comparison.levels import Levels
from evaluation.comparison.needed import more_records_needed
from evaluation.comparison.rates import RateCounts, rate_limits
from evaluation.verdicts import verdict_of
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

ERRORS = "errors"


def errors_criterion(counts: RateCounts, margin: float, levels: Levels) -> CriterionResult:
    """Compare the shares of answers that failed; any certain excess is `worse`.

    The limits are tightest where about a share of `margin` fails.
    """
    lower, upper = rate_limits(counts, levels.lower, levels.upper, margin)
    verdict = verdict_of(lower, upper, margin)
    needed, known = None, counts.difference is not None
    if verdict is ComparisonVerdict.UNDECIDED:
        needed = more_records_needed(counts, margin, levels.upper, margin)
    return CriterionResult(
        name=ERRORS,
        estimate=counts.difference,
        lower=lower if known else None,
        upper=upper if known else None,
        lower_error=levels.lower,
        upper_error=levels.upper,
        margin=margin,
        candidate_records=counts.candidate,
        stable_records=counts.stable,
        verdict=verdict,
        needed=needed,
    )
