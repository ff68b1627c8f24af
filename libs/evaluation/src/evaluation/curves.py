"""Counts at every threshold, and the areas below the ROC and precision-recall curves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdCounts:
    """Weight of the rows at or above each of T distinct scores, the highest score first.

    `true_positives` and `false_positives` are [B, T]: one line per weighting of the rows.
    """

    true_positives: Floats
    false_positives: Floats

    def rates(self) -> tuple[Floats, Floats]:
        """Return the true and the false positive rates [T + 1] of the first weighting, from the
        point where no row is called positive on: the ROC curve. NaN without rows of a side.
        """
        positives, negatives = (
            np.concatenate([[0.0], ratio(counts[0], np.full_like(counts[0], counts[0, -1]))])
            for counts in (self.true_positives, self.false_positives)
        )
        return positives, negatives


def threshold_counts(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> ThresholdCounts:
    """Return the counts of N rows with `truth` [N] and `scores` [N] under `weights` [B, N].

    The rows are sorted once for all B weightings. N must be at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    weights, positive = weights[:, order], truth[order].astype(np.float64)
    at_score = (
        np.add.reduceat(weights * side, starts, axis=1) for side in (positive, 1 - positive)
    )
    return ThresholdCounts(*(counts.cumsum(axis=1) for counts in at_score))


def roc_auc(counts: ThresholdCounts) -> Floats:
    """Return the area below the ROC curve [B]: sum_{i in P, j in N} w_i w_j [s_i > s_j] /
    (sum_P w_i sum_N w_j), where a tie counts one half (Hanley and McNeil 1982, "The meaning and
    use of the area under a receiver operating characteristic (ROC) curve", Radiology 143).

    NaN without weight on both sides.
    """
    tp, fp = counts.true_positives, counts.false_positives
    at_score = np.diff(tp, axis=1, prepend=0)
    ordered = (np.diff(fp, axis=1, prepend=0) * (tp - at_score / 2)).sum(axis=1)
    return ratio(ordered, tp[:, -1] * fp[:, -1])


def average_precision(counts: ThresholdCounts) -> Floats:
    """Return sum_t (R_t - R_{t-1}) P_t [B] over the thresholds t, the area below the
    precision-recall curve without interpolation (Buckley and Voorhees 2000, "Evaluating
    evaluation measure stability").

    NaN without weight on the positives.
    """
    tp, fp = counts.true_positives, counts.false_positives
    at_score = np.diff(tp, axis=1, prepend=0)
    precision = np.nan_to_num(ratio(tp, tp + fp))
    return ratio((at_score * precision).sum(axis=1), tp[:, -1])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return `part` / `whole`, NaN where `whole` is 0."""
    result = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
