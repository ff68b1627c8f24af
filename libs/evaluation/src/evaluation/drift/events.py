"""The events of a column: what is counted to compare two distributions.

Two distributions over the same bins are equal if and only if every event has the same share in
both. The tolerance of the drift test is about these shares.
"""

from typing import Literal

import numpy as np

from evaluation.curves import Floats


def events(kind: Literal["numeric", "categorical"], counts: np.ndarray) -> Floats:
    """Return the number of rows in each event of a column, from its counts per bin, [..., B]."""
    return threshold_events(counts) if kind == "numeric" else category_events(counts)


def threshold_events(counts: np.ndarray) -> Floats:
    """Return the number of rows up to the end of each bin but the last, [..., B - 1].

    The largest difference of these shares is the Kolmogorov-Smirnov distance over the bins' ends.
    """
    return np.cumsum(np.asarray(counts, np.float64), axis=-1)[..., :-1]


def category_events(counts: np.ndarray) -> Floats:
    """Return the number of rows of each category, [..., B]; of two categories only the first one,
    because the share of the other one follows.
    """
    values = np.asarray(counts, np.float64)
    return values[..., :1] if values.shape[-1] == 2 else values  # noqa: PLR2004
