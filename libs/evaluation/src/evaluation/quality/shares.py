"""Intervals of shares from a number of trials."""

import numpy as np

from evaluation.intervals import Interval

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def share_interval(share: float, trials: float) -> Interval:
    """Return the 95 % interval of a share that was seen in `trials`, which need not be whole.

    With z = 1.96 it is (share + z^2 / 2n -+ z sqrt(share (1 - share) / n + z^2 / 4n^2)) /
    (1 + z^2 / n). It holds its own near 0 and 1, where the normal interval does not. Source: Wilson
    1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    share = float(np.clip(share, 0, 1))
    square = Z * Z / trials
    middle = (share + square / 2) / (1 + square)
    half = Z * np.sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return Interval(float(max(middle - half, 0.0)), float(min(middle + half, 1.0)))


def effective_trials(share: float, variance: float, counted: float) -> float:
    """Return the number of trials in which a share has this variance: share (1 - share) / variance.

    Where every outcome is the same the variance is 0 and says nothing; it is `counted` then.
    """
    spread = share * (1 - share)
    return spread / variance if variance > 0 and spread > 0 else counted
