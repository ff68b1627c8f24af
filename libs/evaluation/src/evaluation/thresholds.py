"""Decision thresholds."""

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import threshold_counts


def threshold_at_false_positive_rate(
    scores: NDArray[np.floating], negatives: NDArray[np.floating], rate: float
) -> float:
    """Return the lowest threshold at or above which lie at most `rate` of the negatives.

    `scores` [N] are the scores of all rows, `negatives` those of the negative rows. Every threshold
    between two neighbouring scores decides these rows alike; the midpoint is returned, so that
    rounding changes no prediction and new rows have room on both sides. Ties are decided alike:
    where the limit falls among equal negatives, none of them passes. With fewer than 1 / `rate`
    negatives none may pass.

    The threshold is rounded to float32, like the probabilities of a release. Above 1, nothing is
    predicted positive.
    """
    scores, negatives = scores.astype(np.float32), np.sort(negatives.astype(np.float32))[::-1]
    allowed = int(np.floor(rate * len(negatives)))
    if allowed >= len(negatives):
        return 0.0
    return _above(negatives[allowed], scores)


def threshold_of_best_f1(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the threshold with the highest F1 = 2 TP / (2 TP + FP + FN) of N rows.

    `truth` [N] says which rows are positive, `scores` [N] are their scores. Of equal thresholds the
    highest is taken; it lies in the middle between two scores and is rounded to float32 (see
    `threshold_at_false_positive_rate`). Without a positive row nothing is predicted positive.
    """
    distinct, true, false = _counts(truth, scores)
    f1 = 2 * true / np.maximum(true + false + true[-1], 1)
    return _cut(distinct, int(f1.argmax()))


def threshold_of_lowest_cost(
    truth: NDArray[np.bool_],
    scores: NDArray[np.floating],
    false_positive: float,
    false_negative: float,
) -> float:
    """Return the threshold with the lowest `false_positive` * FP + `false_negative` * FN.

    The rest is as for `threshold_of_best_f1`. Source: Elkan 2001, "The foundations of
    cost-sensitive learning" (IJCAI), with the threshold measured instead of derived from the costs,
    so that it does not rely on calibrated probabilities.
    """
    distinct, true, false = _counts(truth, scores)
    costs = false_positive * false + false_negative * (true[-1] - true)
    return _cut(distinct, int(costs.argmin()))


def _counts(
    truth: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return the T distinct scores, the highest first, and the true and false positives [T + 1]
    when the first 0 to T of them are called positive.
    """
    rounded = scores.astype(np.float32)
    counts = threshold_counts(truth, rounded.astype(np.float64), np.ones((1, len(scores))))
    true, false = (
        np.concatenate([[0.0], side[0]]) for side in (counts.true_positives, counts.false_positives)
    )
    return np.unique(rounded)[::-1], true, false


def _cut(distinct: NDArray[np.float32], positive: int) -> float:
    """Return the threshold above which the `positive` highest distinct scores lie."""
    return 0.0 if positive == len(distinct) else _above(distinct[positive], distinct)


def _above(rejected: np.float32, scores: NDArray[np.float32]) -> float:
    """Return the middle between `rejected` and the next higher score, or 1."""
    above = scores[scores > rejected]
    upper = above.min() if len(above) else np.float32(1)
    middle = np.float32((float(rejected) + float(upper)) / 2)
    if middle > rejected:
        return float(middle)
    return float(np.nextafter(rejected, np.float32(2)))
