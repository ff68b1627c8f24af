"""From probabilities to one class, as the release says."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule


def decide(rule: DecisionRule, classes: Sequence[str], probabilities: np.ndarray) -> pa.Array:
    """Return one class (string) per row of `probabilities` [N, C] by `rule`."""
    if rule.kind == "threshold":
        column = probabilities[:, list(classes).index(rule.positive)]
        names = (rule.negative, rule.positive)
        positive = (column >= rule.threshold).tolist()
        return pa.array([names[value] for value in positive], pa.string())
    return pa.array(np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)], pa.string())
