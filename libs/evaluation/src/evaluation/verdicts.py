"""Verdicts: of one criterion from its limits, and of a candidate from its criteria."""

from collections.abc import Sequence

from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

QUALITY, OUTPUTS = "quality", "outputs"

_GOOD_ENOUGH = (ComparisonVerdict.BETTER, ComparisonVerdict.EQUIVALENT)


def verdict_of(
    lower: float, upper: float, margin: float, tolerance: float = 0.0
) -> ComparisonVerdict:
    """Return the verdict on a difference (candidate minus stable, more is worse) from its limits.

    `better`: it is below 0. `equivalent`: it is below `margin`. `worse`: it is above `tolerance`,
    and not shown to be below `margin`. Otherwise `undecided`.
    """
    if upper < 0:
        return ComparisonVerdict.BETTER
    if upper < margin:
        return ComparisonVerdict.EQUIVALENT
    if lower > tolerance:
        return ComparisonVerdict.WORSE
    return ComparisonVerdict.UNDECIDED


def combined_verdict(
    criteria: Sequence[CriterionResult],
) -> tuple[ComparisonVerdict, int | None]:
    """Return the verdict on a candidate, and how many more records `undecided` needs.

    `worse` if one criterion is. Otherwise every criterion must be `better` or `equivalent`, where
    equivalent outputs replace labels: then the candidate is `better` if its quality is, else
    `equivalent`. A candidate without evidence of its quality stays `undecided`. The number needed
    is the largest of the criteria that are undecided, `None` if one of these is not known.
    """
    if any(one.verdict is ComparisonVerdict.WORSE for one in criteria):
        return ComparisonVerdict.WORSE, None
    answers = [one for one in criteria if one.name in {QUALITY, OUTPUTS}]
    waiting = [
        one.needed for one in criteria if one not in answers and one.verdict not in _GOOD_ENOUGH
    ]
    if not any(one.verdict in _GOOD_ENOUGH for one in answers):
        waiting.append(min((one.needed for one in answers if one.needed), default=None))
    if waiting:
        return ComparisonVerdict.UNDECIDED, _largest(waiting)
    better = any(one.name == QUALITY and one.verdict is ComparisonVerdict.BETTER for one in answers)
    return (ComparisonVerdict.BETTER if better else ComparisonVerdict.EQUIVALENT), None


def _largest(needed: Sequence[int | None]) -> int | None:
    """Return the largest number; one that is not known could be larger than all others."""
    known = [one for one in needed if one is not None]
    return max(known) if len(known) == len(needed) else None
