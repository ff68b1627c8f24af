"""Pairs of words are kept only with their words, whatever `max_features` removes."""

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from use_cases.closed_vectoriser import TOKEN_PATTERN, ClosedTfidfVectorizer, open_terms
from use_cases.export import export
from use_cases.feature_schema import FeatureSchema
from use_cases.testing import run_graph

SCHEMA = FeatureSchema(("text",))
# As many "al gore" as "gore": only one of the two is among the five most frequent terms.
TEXTS = ["al gore here now", "al gore here", "al here now", "al now", "here now"] * 4
WORDS = {"token_pattern": TOKEN_PATTERN, "lowercase": False, "ngram_range": (1, 2), "binary": True}


def fitted(vectoriser: TfidfVectorizer, texts: list[str]) -> Pipeline:
    columns = ColumnTransformer([("text", vectoriser, "text")])
    labels = ["x" if "gore" in text else "y" for text in texts]
    return make_pipeline(columns, LogisticRegression(C=10)).fit(
        pd.DataFrame({"text": texts}), labels
    )


def open_sizes(texts: list[str]) -> list[int]:
    """The numbers of features at which scikit-learn's own vectoriser cuts a word of a pair."""
    return [
        size
        for size in range(2, 12)
        if open_terms(TfidfVectorizer(max_features=size, **WORDS).fit(texts).vocabulary_)
    ]


def test_a_graph_finds_every_pair_with_or_without_its_words():
    sizes = open_sizes(TEXTS)
    assert sizes
    frame = pd.DataFrame({"text": [*TEXTS, "gore", "al", ""]})
    for size in sizes:
        for kind in (TfidfVectorizer, ClosedTfidfVectorizer):
            model = fitted(kind(max_features=size, **WORDS), TEXTS)
            graph = export(model, SCHEMA, "xy").SerializeToString()
            actual = run_graph(graph, frame, SCHEMA)
            np.testing.assert_allclose(actual, model.predict_proba(frame), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text("abc ", min_size=1, max_size=20), min_size=1, max_size=8),
    st.integers(1, 12),
)
def test_the_vocabulary_is_closed_and_the_values_are_those_of_its_terms(texts, size):
    texts = [*texts, "a b"]
    plain = TfidfVectorizer(max_features=size, **WORDS).fit(texts).vocabulary_
    assume(len(open_terms(plain)) < len(plain))
    closed = ClosedTfidfVectorizer(max_features=size, **WORDS)
    values = closed.fit_transform(texts).toarray()
    assert not open_terms(closed.vocabulary_)
    same = TfidfVectorizer(vocabulary=sorted(closed.vocabulary_), **WORDS).fit(texts)
    np.testing.assert_allclose(values, same.transform(texts).toarray())
    np.testing.assert_allclose(values, closed.transform(texts).toarray())
