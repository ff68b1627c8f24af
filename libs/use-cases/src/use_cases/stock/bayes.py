"""Naive Bayes on numbers, in double precision (needs the `training` extra)."""

from typing import Any, Self

import numpy as np
from sklearn.naive_bayes import GaussianNB


class DoubleGaussianNB(GaussianNB):  # type: ignore[misc]  # sklearn has no types
    """A `GaussianNB` that computes in float64; scikit-learn's keeps the float32 of its input, which
    costs the probabilities four digits.
    """

    def fit(self, inputs: Any, labels: Any) -> Self:
        """Fit on inputs [N, F] and labels [N]."""
        super().fit(np.asarray(inputs, np.float64), labels)
        return self

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Return the probabilities [N, C]."""
        return np.asarray(super().predict_proba(np.asarray(inputs, np.float64)))

    def predict(self, inputs: Any) -> np.ndarray:
        """Return the most probable class of each row [N]."""
        return np.asarray(super().predict(np.asarray(inputs, np.float64)))
