"""Prediction-powered inference: labels of some rows, and predictions of the labels of all."""

from dataclasses import dataclass

import numpy as np

from evaluation.curves import Floats

MIN_LABELS = 3


@dataclass(frozen=True)
class PoweredMean:
    """An estimate of a mean from labels and predictions.

    `shift` is what it adds to the mean of the labels, `variance` the variance of the estimate and
    `classic` that of the labels' mean. `power` is lambda: 0 uses the labels alone.
    """

    shift: float
    variance: float
    classic: float
    power: float

    @property
    def gain(self) -> float:
        """How many labels a label is worth: `classic` / `variance`, at least 1."""
        return max(self.classic / self.variance, 1.0) if self.variance > 0 else 1.0


def powered_mean(labelled: Floats, predicted: Floats, unlabelled: Floats) -> PoweredMean:
    """Estimate the mean of a quantity that is known for n rows and predicted for all n + N.

    The estimate is mean(labelled) + l (mean(unlabelled) - mean(predicted)), where `labelled` [n] is
    the quantity, `predicted` [n] its prediction for the same rows and `unlabelled` [N] its
    prediction for rows that are drawn from the same distribution. Its variance is
    var(labelled - l predicted) / n + l^2 var(predicted) / N, lowest for
    l = cov(labelled, predicted) / ((1 + n / N) var(predicted)), here kept within 0 to 1. It is
    unbiased whatever the predictions are, as long as they were not fitted to these n labels. With
    the estimated l the variance is multiplied by (n - 1) / (n - 2), as that of a regression with
    one predictor; if it is not below that of the labels' mean then, l is 0.

    Source: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, "Prediction-powered inference",
    Science 382; the power l: Angelopoulos, Duchi and Zrnic 2023, "PPI++: Efficient
    prediction-powered inference", arXiv 2311.01453, section 6.
    """
    n, rest = len(labelled), len(unlabelled)
    classic = float(labelled.var(ddof=1)) / n
    alone = PoweredMean(0.0, classic, classic, 0.0)
    if n < MIN_LABELS or rest == 0:
        return alone
    spread = float(np.concatenate([predicted, unlabelled]).var())
    covariance = float(np.cov(labelled, predicted)[0, 1])
    if spread <= 0 or covariance <= 0:
        return alone
    power = min(covariance / ((1 + n / rest) * spread), 1.0)
    residual = float((labelled - power * predicted).var(ddof=2))
    variance = residual / n + power**2 * spread / rest
    if variance >= classic:
        return alone
    shift = power * float(unlabelled.mean() - predicted.mean())
    return PoweredMean(shift, variance, classic, power)
