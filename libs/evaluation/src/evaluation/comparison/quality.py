"""Criteria of the answers: losses where there are labels, disagreement where there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.comparison.betting import BoundedValues, lower_limit, upper_limit
from evaluation.comparison.blocks import block_differences
from evaluation.comparison.levels import Levels
from evaluation.comparison.needed import more_values_needed
from evaluation.curves import Floats
from evaluation.verdicts import OUTPUTS, QUALITY, verdict_of
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult

_DIFFER = "the answers differ by more than the margin; labels must tell which are better"


@dataclass(frozen=True)
class Losses:
    """How bad answers are: `margin` and the largest possible loss `bound`, in the same unit.

    For a class, the loss is 1 for a wrong answer and 0 for a correct one. For a number it is the
    absolute error, clipped at `bound`: without a bound, one record could outweigh all others.
    """

    margin: float
    bound: float = 1.0

    @property
    def scale(self) -> float:
        """The margin as a share of the bound."""
        return self.margin / self.bound


def paired_quality(differences: Floats, losses: Losses, levels: Levels) -> CriterionResult:
    """Compare losses on the same labelled records.

    `differences` [N] are the candidate's loss minus the stable release's.

    Raises:
        InvalidData: a difference is larger than the bound.
    """
    values = BoundedValues.of(differences, losses.bound)
    return bounded_criterion(QUALITY, values, losses, levels, (len(values), len(values)))


def unpaired_quality(
    candidate: NDArray[np.bool_], each: Floats, losses: Losses, levels: Levels
) -> CriterionResult:
    """Compare losses on labelled records that one release or the other answered.

    `candidate` [N] says whose record it is and `each` [N] the loss, both in the order of time.

    Raises:
        InvalidData: a loss is larger than the bound.
    """
    values = BoundedValues.of(block_differences(candidate, each), losses.bound)
    mine = int(candidate.sum())
    return bounded_criterion(QUALITY, values, losses, levels, (mine, len(candidate) - mine))


def outputs_criterion(differences: Floats, losses: Losses, levels: Levels) -> CriterionResult:
    """Compare answers to the same records, without labels.

    `differences` [N] are for a class 1 where the releases disagree and else 0, for a number the
    absolute difference, clipped at the bound. Losses differ by no more than the answers, so if
    the mean is below the margin, the quality is equivalent. A larger one does not say which
    release is better: this criterion is never `better` or `worse`.

    Raises:
        InvalidData: a difference is larger than the bound.
    """
    values = BoundedValues.of(differences, losses.bound)
    result = _measured(OUTPUTS, values, losses, levels, (len(values), len(values)))
    if result.lower is None or result.upper is None or result.estimate is None:
        return result
    update: dict[str, object] = {"lower": max(result.lower, 0.0)}
    if result.upper < losses.margin:
        update["verdict"] = ComparisonVerdict.EQUIVALENT
    elif result.estimate >= losses.margin:
        update["detail"] = _DIFFER
    else:
        mean = result.estimate / losses.bound
        update["needed"] = more_values_needed(values, losses.scale, levels.upper, mean)
    return result.model_copy(update=update)


def bounded_criterion(
    name: str,
    values: BoundedValues,
    losses: Losses,
    levels: Levels,
    records: tuple[int, int],
    tolerance: float = 0.0,
) -> CriterionResult:
    """Compare by differences in [-1, 1] of the two releases, `worse` above `tolerance`.

    `records` are the numbers of the candidate's and of the stable release's records, of which
    one difference can stand for several.
    """
    result = _measured(name, values, losses, levels, records)
    if result.lower is None or result.upper is None:
        return result
    verdict, needed = verdict_of(result.lower, result.upper, losses.margin, tolerance), None
    if verdict is ComparisonVerdict.UNDECIDED:
        needed = more_values_needed(values, losses.scale, levels.upper)
    if needed is not None:
        needed = -(-needed * records[0] // len(values))
    return result.model_copy(update={"verdict": verdict, "needed": needed})


def _measured(
    name: str, values: BoundedValues, losses: Losses, levels: Levels, records: tuple[int, int]
) -> CriterionResult:
    """Return the estimate and its limits, undecided; without values there are none."""
    mean, lower, upper = values.mean, None, None
    if mean is not None:
        mean *= losses.bound
        lower = lower_limit(values, levels.lower, losses.scale) * losses.bound
        upper = upper_limit(values, levels.upper, losses.scale) * losses.bound
    return CriterionResult(
        name=name,
        estimate=mean,
        lower=lower,
        upper=upper,
        lower_error=levels.lower,
        upper_error=levels.upper,
        margin=losses.margin,
        candidate_records=records[0],
        stable_records=records[1],
        verdict=ComparisonVerdict.UNDECIDED,
    )
