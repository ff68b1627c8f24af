"""The decision rule of a release: the use case's own, or a threshold chosen on training rows."""

from dataclasses import dataclass

import numpy as np

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
    threshold = lowest_threshold(scores, negatives, wanted.false_positive_rate)
    threshold = max(threshold, wanted.at_least)
    (negative,) = set(case.classes) - {case.positive}
    rule = DecisionRule(
        kind="threshold", positive=case.positive, negative=negative, threshold=threshold
    )
    return Decision(rule, _why(wanted, negatives, threshold))


def lowest_threshold(scores: np.ndarray, negatives: np.ndarray, target: float) -> float:
    """Return the lowest threshold at or above which lie at most `target` of `negatives`.

    `scores` [N] are those of all rows, `negatives` those of the negative ones. All thresholds
    between two neighbouring scores decide these rows alike; of those it is the one half way,
    so that rounding changes no answer and new rows get room on both sides. Equal scores stand
    or fall together: where the limit falls among equal negatives none of them passes. With
    fewer than 1 / `target` negatives none may pass at all. The threshold is a float32, as the
    probabilities of a release are; above 1 it means that nothing is ever positive.
    """
    scores, negatives = scores.astype(np.float32), np.sort(negatives.astype(np.float32))[::-1]
    allowed = int(np.floor(target * len(negatives)))
    if allowed >= len(negatives):
        return 0.0
    refused = negatives[allowed]  # the highest score that must not pass
    above = scores[scores > refused]
    upper = above.min() if len(above) else np.float32(1)
    middle = np.float32((float(refused) + float(upper)) / 2)
    return float(middle if middle > refused else np.nextafter(refused, np.float32(2)))


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
