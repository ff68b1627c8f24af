"""Counts by score, and the areas below the ROC and precision-recall curves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreCounts:
    """Weight of the rows at each of T distinct scores, the highest score first.

    `positives` and `negatives` are [B, T]: one line per weighting of the rows.
    """

    positives: Floats
    negatives: Floats


def score_counts(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> ScoreCounts:
    """Return the counts of N rows with `truth` [N] and `scores` [N] under `weights` [B, N].

    The rows are sorted once for all B weightings. N must be at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    weights, positive = weights[:, order], truth[order].astype(np.float64)
    return ScoreCounts(
        positives=np.add.reduceat(weights * positive, starts, axis=1),
        negatives=np.add.reduceat(weights * (1 - positive), starts, axis=1),
    )


def roc_auc(counts: ScoreCounts) -> Floats:
    """Return the area below the ROC curve [B]: sum_{i in P, j in N} w_i w_j [s_i > s_j] /
    (sum_P w_i sum_N w_j), where a tie counts one half (Hanley and McNeil 1982, "The meaning and
    use of the area under a receiver operating characteristic (ROC) curve", Radiology 143).

    NaN without weight on both sides.
    """
    above = counts.positives.cumsum(axis=1)
    ordered = (counts.negatives * (above - counts.positives / 2)).sum(axis=1)
    return ratio(ordered, above[:, -1] * counts.negatives.sum(axis=1))


def average_precision(counts: ScoreCounts) -> Floats:
    """Return sum_t (R_t - R_{t-1}) P_t [B] over the thresholds t, the area below the
    precision-recall curve without interpolation (Buckley and Voorhees 2000, "Evaluating
    evaluation measure stability").

    NaN without weight on the positives.
    """
    tp, fp = counts.positives.cumsum(axis=1), counts.negatives.cumsum(axis=1)
    precision = np.nan_to_num(ratio(tp, tp + fp))
    return ratio((counts.positives * precision).sum(axis=1), tp[:, -1])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return `part` / `whole`, NaN where `whole` is 0."""
    result = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
