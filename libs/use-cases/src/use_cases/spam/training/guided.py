"""A linear classifier combined from up to three experts (needs the `training` extra)."""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB

BAYES_ALPHA = 0.1


class GuidedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Two classes; the log-odds are those of three experts together, all linear in the inputs.

    - `linear`, learned on all columns but the guides, and naive Bayes, learned on the words: their
      mean, naive Bayes with the share `bayes`. It is the weaker one within a source and the
      steadier one on another (complement naive Bayes: Rennie et al., ICML 2003). Without `linear`
      that share of naive Bayes stands alone, and the share is what tempers its log-odds: as if
      every word were independent, they are far too large.
    - the guides: the last columns, with the given `weights`. They are prior knowledge. If they
      were learned, or the other columns were learned together with them, a training set of one
      source would undo them, because within that source its own words always predict more.

    Columns are ordered: words (not negative), `signs` others, guides.
    """

    def __init__(
        self,
        linear: Any | None,
        bayes: float,
        signs: int,
        weights: Sequence[float],
        alpha: float = BAYES_ALPHA,
    ) -> None:
        """Take an unfitted classifier with `coef_`, or none; `bayes` is from 0 to below 1 and
        `alpha` the count naive Bayes adds to every word.
        """
        self.linear = linear
        self.bayes = bayes
        self.signs = signs
        self.weights = weights
        self.alpha = alpha

    def fit(self, inputs: Any, labels: Any) -> Self:
        """Fit on [N, F] inputs; positive weights speak for the second class in sorted order."""
        columns = inputs[:, : -len(self.weights)]
        bayes = ComplementNB(alpha=self.alpha).fit(
            columns[:, : columns.shape[1] - self.signs], labels
        )
        ratios = np.diff(bayes.feature_log_prob_, axis=0)
        words = np.zeros((1, columns.shape[1]))
        words[:, : ratios.shape[1]] = self.bayes * ratios
        intercept = np.zeros(1)
        learned = LogisticRegression() if self.linear is None else clone(self.linear)
        if self.linear is not None:
            learned.fit(columns, labels)
            words += (1 - self.bayes) * learned.coef_
            intercept = (1 - self.bayes) * learned.intercept_
        self.classes_ = bayes.classes_
        self.plain_ = copy(learned)
        self.plain_.classes_ = bayes.classes_
        self.plain_.coef_ = np.hstack([words, [self.weights]])
        self.plain_.intercept_ = intercept
        self.plain_.n_features_in_ = inputs.shape[1]
        return self

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Return [N, 2] probabilities."""
        return np.asarray(self.plain_.predict_proba(inputs))

    def predict(self, inputs: Any) -> np.ndarray:
        """Return the more probable class of each row."""
        return np.asarray(self.plain_.predict(inputs))
