"""Apply a release's rule: probabilities to one class, a number to its interval."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule, IntervalRule


def decide(rule: DecisionRule, classes: Sequence[str], probabilities: np.ndarray) -> pa.Array:
    """Return one class (string) per row of `probabilities` [N, C] by `rule`."""
    return pa.array(decided_classes(rule, classes, probabilities), pa.string())


def decided_classes(
    rule: DecisionRule, classes: Sequence[str], probabilities: np.ndarray
) -> Sequence[str]:
    """Return what `decide` does as Python strings: an Arrow array costs more than one decision."""
    if rule.kind == "threshold":
        positive = tuple(classes).index(rule.positive)
        reached = (probabilities[:, positive] >= rule.threshold).tolist()
        names = (str(rule.negative), str(rule.positive))
        return [names[value] for value in reached]
    if rule.kind == "costs":
        # Expected cost of each answer: sum_c p_c cost[c][answer] (Elkan 2001, equation 1).
        expected = probabilities.astype(np.float64) @ np.asarray(rule.costs)
        return [classes[index] for index in expected.argmin(axis=1).tolist()]
    return [classes[index] for index in probabilities.argmax(axis=1).tolist()]


def prediction_intervals(rule: IntervalRule, predictions: np.ndarray) -> np.ndarray:
    """Return the intervals [N, 2] of N predictions, in their type."""
    ends = [predictions - rule.below, predictions + rule.above]
    return np.stack(ends, axis=1).astype(predictions.dtype, copy=False)
