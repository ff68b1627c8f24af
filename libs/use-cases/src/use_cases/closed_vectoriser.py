"""TF-IDF of pairs of words that are kept with their words (needs the `training` extra)."""

from collections.abc import Collection, Iterable
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

# ONNX Runtime's own tokenizer cuts these words as scikit-learn does, so they convert to the fastest
# graph.
TOKEN_PATTERN = "[a-zA-Z0-9]+"  # noqa: S105 (a regular expression)


class ClosedTfidfVectorizer(TfidfVectorizer):  # type: ignore[misc]  # sklearn has no types
    """Keeps a pair of words only together with both of its words.

    `max_features` may keep a pair and cut one of its words.
    """

    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary and the weights of N texts."""
        self.fit_transform(raw_documents, y)
        return self

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> Any:
        """Learn from N texts and return their values, a sparse [N, F] matrix.

        Raises:
            ValueError: no word is left.
        """
        self.vocabulary_: dict[str, int]
        self.idf_: np.ndarray
        texts = list(raw_documents)
        values = super().fit_transform(texts, y)
        cut = set(open_terms(self.vocabulary_))
        if not cut:
            return values
        kept = sorted(self.vocabulary_.keys() - cut)
        if not kept:
            raise ValueError(f"max_features={self.max_features} leaves no word; give more")
        weights = self.idf_[[self.vocabulary_[term] for term in kept]]
        self.vocabulary_ = {term: column for column, term in enumerate(kept)}
        self._tfidf.n_features_in_ = len(kept)
        self.idf_ = weights
        return self.transform(texts)


def open_terms(vocabulary: Collection[str]) -> list[str]:
    """Return the terms of several words of which a word is missing in `vocabulary`, sorted."""
    return sorted(t for t in vocabulary if not all(word in vocabulary for word in t.split()))
