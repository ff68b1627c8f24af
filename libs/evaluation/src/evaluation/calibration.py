"""Calibration: do predicted probabilities match observed frequencies?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats
from evaluation.predictions import LabelledPredictions

BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """The rows whose probabilities fall into one bin."""

    rows: int
    mean_probability: float
    observed_frequency: float


def calibration_targets(rows: LabelledPredictions) -> tuple[NDArray[np.bool_], Floats]:
    """Return N outcomes and the probabilities [N] that were predicted for them.

    With a positive class, the outcome is that the row has this class. Without one, it is that the
    most probable class is correct.
    """
    if rows.positive is not None:
        return rows.labels == rows.positive, rows.probabilities[:, rows.positive]
    return rows.labels == rows.probabilities.argmax(axis=1), rows.probabilities.max(axis=1)


def calibration_curve(
    outcomes: NDArray[np.bool_] | Floats, probabilities: Floats
) -> list[CalibrationBin]:
    """Return the bins that have rows, of 10 equal-width bins, lowest probabilities first."""
    numbers = _bin_numbers(probabilities)
    rows = np.bincount(numbers, minlength=BINS)
    sums = (np.bincount(numbers, weights=v, minlength=BINS) for v in (probabilities, outcomes))
    return [
        CalibrationBin(int(count), float(probability / count), float(outcome / count))
        for count, probability, outcome in zip(rows, *sums, strict=True)
        if count
    ]


def expected_calibration_error(
    outcomes: NDArray[np.bool_] | Floats, probabilities: Floats
) -> float:
    """Return sum_b n_b / N * |mean outcome - mean probability| over 10 equal-width bins b.

    The result is in [0, 1]; N must be at least 1. Source: Naeini et al. 2015, "Obtaining well
    calibrated probabilities using Bayesian binning"; Guo et al. 2017, "On calibration of modern
    neural networks", equation 5.
    """
    numbers = _bin_numbers(probabilities)
    gaps = np.bincount(numbers, weights=outcomes - probabilities, minlength=BINS)
    return float(np.abs(gaps).sum() / len(outcomes))


def _bin_numbers(probabilities: Floats) -> NDArray[np.int64]:
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
