"""Naive Bayes on numbers in double precision, and combined with logistic regression on texts (needs
the `training` extra).
"""

from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
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


class NaiveBayesLogisticRegression(LogisticRegression):  # type: ignore[misc]  # sklearn has no types
    """Logistic regression of two classes on inputs that are weighted by how much each tells naive
    Bayes (Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", section 2.3).

    The weight of a column is log((p / |p|) / (q / |q|)), where p and q are 1 + the sums of the
    column over the rows of each class. `coef_` contains the weights: it applies to the inputs as
    they are.
    """

    def fit(self, inputs: Any, labels: Any, sample_weight: Any = None) -> Self:
        """Fit on inputs [N, F], none of them negative, and labels [N] of two classes."""
        rows = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight)
        positive = np.asarray(labels) == np.unique(labels)[1]
        sums = [1 + np.asarray(inputs.T @ (rows * of)).ravel() for of in (positive, ~positive)]
        shares = [total / total.sum() for total in sums]
        weights = np.log(shares[0] / shares[1])
        scaled = inputs.multiply(weights).tocsr() if hasattr(inputs, "tocsr") else inputs * weights
        fitted = super().fit(scaled, labels, sample_weight)
        self.coef_ = fitted.coef_ * weights
        return self
