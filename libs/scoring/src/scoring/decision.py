"""From probabilities to one class, as the release says."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule


def decide(rule: DecisionRule, classes: Sequence[str], probabilities: np.ndarray) -> pa.Array:
    """Return one class (string) per row of `probabilities` [N, C] by `rule`."""
    if rule.kind == "threshold":
        column = probabilities[:, list(classes).index(rule.positive)]
        return pa.array(np.where(column >= rule.threshold, rule.positive, rule.negative))
    return pa.array(np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)], pa.string())
