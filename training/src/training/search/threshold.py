"""The decision rule of a release: the use case's own, or a threshold chosen on training rows."""

from dataclasses import dataclass

import numpy as np

from evaluation import threshold_at_false_positive_rate
from platform_core.contracts.release import DecisionRule
from platform_core.errors import ConfigurationError
from use_cases import ThresholdRule, UseCase

TWO_CLASSES = 2


@dataclass(frozen=True)
class Decision:
    """A rule, and in a sentence why it is this one."""

    rule: DecisionRule
    why: str


def choose_decision(case: UseCase, labels: np.ndarray, probabilities: np.ndarray) -> Decision:
    """Return the rule for N rows whose `probabilities` [N, C] come from models that were not
    fitted on them; `labels` holds their N classes.

    Raises:
        ConfigurationError: a threshold is wanted where there are not two classes, one of them
            positive.
    """
    wanted = case.training().threshold
    if wanted is None:
        return Decision(case.decision, "the use case's own rule")
    if case.positive is None or len(case.classes) != TWO_CLASSES:
        raise ConfigurationError(
            f"{case.name} asks for a threshold (ThresholdRule), which needs two classes and "
            "`positive`; name the positive class or leave `threshold` out"
        )
    scores = probabilities[:, case.classes.index(case.positive)]
    negatives = scores[labels != case.positive]
    threshold = threshold_at_false_positive_rate(scores, negatives, wanted.false_positive_rate)
    threshold = max(threshold, wanted.at_least)
    (negative,) = set(case.classes) - {case.positive}
    rule = DecisionRule(
        kind="threshold", positive=case.positive, negative=negative, threshold=threshold
    )
    return Decision(rule, _why(wanted, negatives, threshold))


def _why(rule: ThresholdRule, negatives: np.ndarray, threshold: float) -> str:
    passing = int((negatives.astype(np.float32) >= threshold).sum())
    text = (
        f"the lowest threshold with at most {rule.false_positive_rate:g} false positives among "
        f"negatives: {passing} of {len(negatives)} on training rows outside the fold's fit"
    )
    if threshold == rule.at_least:
        text += f"; not below {rule.at_least:g}, the least the use case allows"
    if rule.false_positive_rate * len(negatives) < 1:
        text += "; so few negatives cannot show a rate this low"
    if threshold > 1:
        text += "; negatives score as high as a probability can, so nothing is ever positive"
    return text
