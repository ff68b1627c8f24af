"""Control of the false discovery rate over columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def e_benjamini_hochberg(
    e_values: Sequence[float], weights: Sequence[float], alpha: float
) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected [K] at the false discovery rate `alpha`.

    With weights w that sum to 1, the k hypotheses with the largest w E are rejected for the
    largest k such that all of them have w E >= 1 / (k `alpha`): the e-BH procedure (Wang and
    Ramdas 2022, "False discovery rate control with e-values", JRSS B 84, with weights as in their
    section 4). It controls the false discovery rate under any dependence of the columns, and at
    any stopping time of e-processes. If no hypothesis is false, any rejection implies that the
    weighted mean of the e-values is at least 1 / `alpha`, so that the probability of ever rejecting
    one is at most `alpha` as well. A hypothesis that cannot be tested has the e-value 0.
    """
    weighted = np.asarray(e_values, np.float64) * np.asarray(weights, np.float64)
    ordered = np.sort(weighted)[::-1]
    passed = np.flatnonzero(ordered * np.arange(1, len(ordered) + 1) >= 1 / alpha)
    if not len(passed):
        return np.zeros(len(weighted), np.bool_)
    return np.asarray(weighted >= ordered[passed[-1]])
