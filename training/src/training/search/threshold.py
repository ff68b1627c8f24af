"""The decision rule of a release: the use case's own, or a threshold chosen on training rows."""

from dataclasses import dataclass

import numpy as np

from evaluation import (
    threshold_at_false_positive_rate,
    threshold_of_best_f1,
    threshold_of_lowest_cost,
)
from platform_core.contracts.release import DecisionRule, Rule
from platform_core.errors import ConfigurationError
from use_cases import BestF1, CostMatrix, ErrorCosts, FalsePositiveRate, ScoreThreshold, UseCase

TWO_CLASSES = 2
ROWS = "training rows outside the fold's fit"


@dataclass(frozen=True)
class Decision:
    """A rule, and a sentence with the reason for it."""

    rule: Rule
    why: str


def choose_decision(case: UseCase, labels: np.ndarray, probabilities: np.ndarray) -> Decision:
    """Return the rule for N rows whose `probabilities` [N, C] come from models that were not
    fitted on them; `labels` holds their N classes.

    Raises:
        ConfigurationError: a threshold is wanted where there are not two classes, one of them
            positive, or a cost matrix names a class that does not exist.
    """
    wanted = case.training().threshold
    if wanted is None:
        return Decision(case.decision, "the use case's own rule")
    if isinstance(wanted, CostMatrix):
        rule = DecisionRule(kind="costs", costs=_complete(case, wanted))
        return Decision(rule, "the lowest expected cost by the cost matrix of the use case")
    return threshold_decision(case, wanted, labels, probabilities, ROWS)


def threshold_decision(
    case: UseCase,
    wanted: ScoreThreshold,
    labels: np.ndarray,
    probabilities: np.ndarray,
    rows: str,
) -> Decision:
    """Return the rule with the threshold that is `wanted`; `rows` says in words what the N rows
    are, the rest is as for `choose_decision`.

    Raises:
        ConfigurationError: there are not two classes, one of them positive.
    """
    positive = _positive(case)
    scores = probabilities[:, case.classes.index(positive)]
    threshold, why = _threshold(wanted, labels == positive, scores, rows)
    (negative,) = set(case.classes) - {positive}
    rule = DecisionRule(kind="threshold", positive=positive, negative=negative, threshold=threshold)
    return Decision(rule, why)


def _positive(case: UseCase) -> str:
    if case.positive is None or len(case.classes) != TWO_CLASSES:
        raise ConfigurationError(
            f"{case.name} asks for a threshold, which needs two classes and `positive`; name the "
            "positive class, use a CostMatrix, or leave `threshold` out"
        )
    return case.positive


def _complete(case: UseCase, wanted: CostMatrix) -> tuple[tuple[float, ...], ...]:
    """Return the costs [label][answer] of all classes in their order."""
    named = {*wanted.costs, *(name for line in wanted.costs.values() for name in line)}
    if unknown := sorted(named - set(case.classes)):
        raise ConfigurationError(
            f"the cost matrix of {case.name} names {', '.join(unknown)}, which is not among the "
            f"classes {', '.join(case.classes)}"
        )
    return tuple(
        tuple(
            float(wanted.costs.get(label, {}).get(answer, answer != label))
            for answer in case.classes
        )
        for label in case.classes
    )


def _threshold(
    wanted: ScoreThreshold, truth: np.ndarray, scores: np.ndarray, rows: str
) -> tuple[float, str]:
    """Return the threshold, and a sentence with the reason for it."""
    if isinstance(wanted, ErrorCosts):
        costs = wanted.false_positive, wanted.false_negative
        threshold = threshold_of_lowest_cost(truth, scores, *costs)
        return threshold, (
            f"the threshold of the lowest cost on {len(truth)} {rows}; a false positive costs "
            f"{costs[0]:g}, a false negative {costs[1]:g}"
        )
    if isinstance(wanted, BestF1):
        best = threshold_of_best_f1(truth, scores)
        threshold, why = best, f"the threshold of the highest F1 on {len(truth)} {rows}"
    else:
        negatives = scores[~truth]
        best = threshold_at_false_positive_rate(scores, negatives, wanted.rate)
        threshold, why = best, _rate_reached(wanted, negatives, max(best, wanted.at_least), rows)
    if wanted.at_least > best:
        threshold = wanted.at_least
        why += f"; not below {threshold:g}, the least the use case allows"
    if threshold > 1:
        why += "; a negative scores as high as a probability can, so nothing is ever positive"
    return threshold, why


def _rate_reached(
    wanted: FalsePositiveRate, negatives: np.ndarray, threshold: float, rows: str
) -> str:
    passing = int((negatives.astype(np.float32) >= threshold).sum())
    text = (
        f"the lowest threshold with at most {wanted.rate:g} false positives among negatives: "
        f"{passing} of {len(negatives)} on {rows}"
    )
    if wanted.rate * len(negatives) < 1:
        text += "; so few negatives cannot show a rate this low"
    return text
