"""Decision thresholds."""

import numpy as np
from numpy.typing import NDArray


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
    highest_rejected = negatives[allowed]
    above = scores[scores > highest_rejected]
    upper = above.min() if len(above) else np.float32(1)
    middle = np.float32((float(highest_rejected) + float(upper)) / 2)
    if middle > highest_rejected:
        return float(middle)
    return float(np.nextafter(highest_rejected, np.float32(2)))
