"""From probabilities to one class, by the decision rule of the release."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule


def decide(rule: DecisionRule, classes: Sequence[str], probabilities: np.ndarray) -> pa.Array:
    """Return one class (string) per row of `probabilities` [N, C] by `rule`."""
    if rule.kind == "threshold":
        positive = next(n for n, name in enumerate(classes) if name == rule.positive)
        reached = (probabilities[:, positive] >= rule.threshold).tolist()
        names = (rule.negative, rule.positive)
        return pa.array([names[value] for value in reached], pa.string())
    return pa.array(np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)], pa.string())
