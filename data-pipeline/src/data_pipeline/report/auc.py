"""The area under the ROC curve of one column, with DeLong's interval."""

from dataclasses import dataclass

import numpy as np

# Fewer rows than this in a class say nothing about a column.
MIN_ROWS_PER_SIDE = 10
_Z_95 = 1.959964


@dataclass(frozen=True)
class Auc:
    """`value` is at least 0.5, since a column that is turned around tells as much; `low` and
    `high` bound its 95 % interval; `rows` is the number of rows it was computed on.
    """

    value: float
    low: float
    high: float
    rows: int


def auc(scores: np.ndarray, positive: np.ndarray) -> Auc | None:
    """Return how well `scores` (float64 [N]) tell `positive` (bool [N]) rows from the others.

    Rows whose score is NaN do not count. Ties count half, so a constant has 0.5. `None` when
    fewer than `MIN_ROWS_PER_SIDE` known rows are on either side. The interval is DeLong's
    (DeLong, DeLong & Clarke-Pearson 1988) by mid-ranks (Sun & Xu 2014), cut to 0.5 … 1.
    """
    known = ~np.isnan(scores)
    scores, positive = scores[known], positive[known]
    ones, zeros = scores[positive], scores[~positive]
    if min(len(ones), len(zeros)) < MIN_ROWS_PER_SIDE:
        return None
    ranks = _midranks(scores)
    # For each row the share of the other side's rows that it is placed right to.
    of_ones = (ranks[positive] - _midranks(ones)) / len(zeros)
    of_zeros = 1 - (ranks[~positive] - _midranks(zeros)) / len(ones)
    value = float(of_ones.mean())
    variance = of_ones.var(ddof=1) / len(ones) + of_zeros.var(ddof=1) / len(zeros)
    value, margin = max(value, 1 - value), _Z_95 * float(np.sqrt(variance))
    return Auc(value, max(0.5, value - margin), min(1.0, value + margin), len(scores))


def _midranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
