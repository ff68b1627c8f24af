"""Prediction intervals by split conformal prediction."""

import math

import numpy as np

from evaluation.curves import Floats
from platform_core.errors import InvalidData


def conformal_widths(residuals: Floats, coverage: float) -> tuple[float, float]:
    """Return the widths of an interval below and above a prediction.

    `residuals` [n] are label minus prediction of rows that the model was not fitted on and that are
    exchangeable with the rows to come. With the error rate a = 1 - `coverage` and k =
    ceil((n + 1) (1 - a / 2)), the interval [p - below, p + above] has the k-th smallest residual as
    `above` and the k-th smallest of the negated residuals as `below`. A label lies beyond one
    end with a probability of at most a / 2, so the interval holds it with a probability of at least
    `coverage`, whatever the distribution and the model, on average over draws of the n rows and
    the new one. It says nothing about a single region of the input. A negative width becomes 0, so
    that an interval always holds its prediction; where none is negative and residuals have no
    ties, the probability is at most `coverage` + 2 / (n + 1).

    Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-free predictive
    inference for regression", JASA 113, theorem 2.2; for the two ends apart, Romano, Patterson and
    Candès 2019, "Conformalized quantile regression", theorem 2.

    Raises:
        InvalidData: there are too few rows for an interval of finite width.
    """
    needed = calibration_rows_needed(coverage)
    if len(residuals) < needed:
        raise InvalidData(
            f"prediction intervals with a coverage of {coverage:g} need {needed} rows that the "
            f"model was not fitted on, there are {len(residuals)}; give more data or lower "
            "`coverage`"
        )
    rank = math.ceil(round((len(residuals) + 1) * (1 + coverage) / 2, 9))
    below, above = (np.partition(side, rank - 1)[rank - 1] for side in (-residuals, residuals))
    return max(float(below), 0.0), max(float(above), 0.0)


def calibration_rows_needed(coverage: float) -> int:
    """Return the fewest rows for which `conformal_widths` exist: ceil(2 / (1 - `coverage`)) - 1."""
    return math.ceil(round(2 / (1 - coverage), 9)) - 1
