"""Answers of models with their labels: of a class under a decision, of a number with intervals."""

import numpy as np
import pyarrow as pa

from evaluation import LabelledPredictions, NumberPredictions, Predictions
from platform_core.contracts.release import IntervalRule, Rule
from scoring import decide, prediction_intervals
from use_cases import UseCase


def labelled_answers(
    case: UseCase, labels: pa.Array, answers: np.ndarray, rule: Rule
) -> Predictions:
    """Return N answers (see `models.answers`) under `rule` with their labels."""
    if isinstance(rule, IntervalRule):
        intervals = prediction_intervals(rule, answers)
        return NumberPredictions.from_arrow(labels, pa.array(answers), intervals)
    predictions = decide(rule, case.classes, answers)
    return LabelledPredictions.from_arrow(case.classes, case.positive, labels, answers, predictions)
