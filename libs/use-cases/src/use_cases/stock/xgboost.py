"""XGBoost for classes named by strings (needs the `training` extra)."""

from typing import Any, Self

import numpy as np
from xgboost import XGBClassifier


class XGBoostClassifier(XGBClassifier):
    """An `XGBClassifier` that takes labels of any type; XGBoost itself takes 0 to C - 1."""

    def fit(self, inputs: Any, labels: Any, **options: Any) -> Self:
        """Fit on inputs [N, F] and labels [N]."""
        names, numbers = np.unique(np.asarray(labels), return_inverse=True)
        self.labels_ = np.arange(len(names))  # XGBoost compares them with what it is given
        super().fit(inputs, numbers, **options)
        self.labels_ = names
        return self

    def predict(self, inputs: Any, **options: Any) -> np.ndarray:
        """Return the most probable class of each row [N]."""
        return np.asarray(self.labels_[self.predict_proba(inputs, **options).argmax(axis=1)])

    @property
    def classes_(self) -> np.ndarray:
        """The classes in the order of the probabilities."""
        return np.asarray(self.labels_)
