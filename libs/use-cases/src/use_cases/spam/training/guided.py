"""A linear classifier with some fixed weights (needs the `training` extra)."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone


class GuidedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Two classes; the last columns, the guides, have the given `weights`, all others are learned
    by `linear`.

    The guides are prior knowledge. If their weights were learned, or the other columns were learned
    together with them, a training set of one source would undo them, because within that source
    its own words always predict more.
    """

    def __init__(self, linear: Any, weights: Sequence[float]) -> None:
        """Take an unfitted linear classifier of probabilities."""
        self.linear = linear
        self.weights = weights

    def fit(self, inputs: Any, labels: Any, sample_weight: Any = None) -> Self:
        """Fit on [N, F] inputs; positive weights speak for the second class in sorted order."""
        learned = clone(self.linear)
        learned.fit(inputs[:, : -len(self.weights)], labels, sample_weight=sample_weight)
        learned.coef_ = np.hstack([learned.coef_, [self.weights]])
        learned.n_features_in_ = inputs.shape[1]
        self.classes_ = learned.classes_
        self.plain_ = learned
        return self

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Return [N, 2] probabilities."""
        return np.asarray(self.plain_.predict_proba(inputs))

    def predict(self, inputs: Any) -> np.ndarray:
        """Return the more probable class of each row."""
        return np.asarray(self.plain_.predict(inputs))
