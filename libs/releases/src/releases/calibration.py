"""Do the probabilities mean what they say?"""

import numpy as np
import pyarrow as pa

from releases.metrics import one_hot
from use_cases import UseCase

BINS = 10


def watched_outcomes(
    use_case: UseCase, labels: pa.Array, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return N outcomes (0 or 1) and the probabilities [N] that were given for them.

    With a positive class: that it is the class. Without: that the most probable class is right.
    """
    truth = one_hot(use_case, labels)
    scores = probabilities.astype(np.float64)
    scores = scores / scores.sum(axis=1, keepdims=True)
    if use_case.positive is not None:
        positive = use_case.classes.index(use_case.positive)
        return truth[:, positive], scores[:, positive]
    best = scores.argmax(axis=1)
    rows = np.arange(len(best))
    return truth[rows, best], scores[rows, best]


def expected_calibration_error(outcomes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return sum_b n_b / N * |mean outcome - mean probability| over 10 equal-width bins of the
    probabilities (Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian
    binning"; Guo et al. 2017, "On calibration of modern neural networks", equation 5). It is in
    [0, 1]; `outcomes` and `probabilities` are [N], N at least 1.
    """
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=outcomes - probabilities, minlength=BINS)
    return float(np.abs(gaps).sum() / len(outcomes))
