"""Text is counted in the graph as scikit-learn counts it, on whatever people write."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from platform_core.errors import InvalidInput
from use_cases.export import export
from use_cases.feature_schema import FeatureSchema
from use_cases.testing import run_graph

SCHEMA = FeatureSchema(texts=("text",))
TEXTS = [
    "",
    " ",
    "a",
    "The movie is not as good as the book of the same name",
    "GOOD Movie, good MOVIE! don't isn't n't no-one",
    "a b c d of the",
    "  two  blanks\n\n and\tothers\r\n \u00a0\u3000\u2003x \n",
    "\n",
    "under_score __ _a a_ _ 12 1 3.14 1,000",
    "\u0130stanbul x\u0130y \u0130 x\u0130 \u0130\u0130 \u0131",
    "ΟΔΟΣ ΑΣ'ΑΒ ΣΑΣ σας ΣΑΣ. ΟΔΟΣ ΜΑΣ οδος",  # noqa: RUF001
    "日本語テスト です 中文 ab漢cd 한국어",
    "caf\u00e9 cafe\u0301 CAF\u00c9 a\u0301\u0300b \u00c5 \u212b \u00f1",
    "\u00df \u1e9e SS \u017f \u212a \ufb01lm \ufb02ag \u2474 \u2122 \u2026 \u00bd ab\u00bdc",
    "\u0663\u0664 \u0967\u0968 \uff21\uff22 \uff23 \u200bzero\u200bwidth",
    "\U0001f600 ab\U0001f600cd \U0001d400\U0001d401 \U00010400\U00010428",
    "null \x00 in\x00side \x1c\x1f\x85 control",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u041c\u0418\u0420 \u043c\u0438\u0440",
    "good" * 60,
]
LABELS = ["x", "y"] * len(TEXTS)


def fitted(vectoriser: CountVectorizer) -> Pipeline:
    columns = ColumnTransformer([("text", vectoriser, "text")])
    frame = pd.DataFrame({"text": [*TEXTS, *TEXTS[:-1], "good movie"]})
    return make_pipeline(columns, LogisticRegression(C=10)).fit(frame, LABELS)


@pytest.mark.parametrize(
    "vectoriser",
    [
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 3), stop_words="english", sublinear_tf=True),
        TfidfVectorizer(ngram_range=(1, 2), max_features=30, norm="l1"),
        TfidfVectorizer(ngram_range=(2, 2), norm=None, use_idf=False),
        TfidfVectorizer(vocabulary=["good", "movie", "a", "good movie", "no such word", "οδος"]),
        CountVectorizer(lowercase=False, token_pattern=r"\w+", binary=True),
        CountVectorizer(token_pattern=r"[\w\u0307-]+", ngram_range=(1, 2)),
        CountVectorizer(token_pattern=r"(?u)\b[a-z]{2,}\b", ngram_range=(1, 2)),
        TfidfVectorizer(strip_accents="unicode", ngram_range=(1, 2)),
        TfidfVectorizer(strip_accents="ascii", stop_words=["good"]),
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), lowercase=False, min_df=2),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(5, 6), max_features=90),
        CountVectorizer(analyzer="char_wb", ngram_range=(1, 2), strip_accents="unicode"),
    ],
    ids=lambda one: f"{one.analyzer} {one.token_pattern} {one.ngram_range} {one.strip_accents}",
)
def test_a_graph_counts_texts_like_its_vectoriser(vectoriser):
    model = fitted(vectoriser)
    graph = export(model, SCHEMA, "xy").SerializeToString()
    unseen = [" ".join(TEXTS[place : place + 2]) for place in range(len(TEXTS))]
    for texts in (TEXTS, unseen, [""], ["", " "], ["good\n"]):
        frame = pd.DataFrame({"text": texts})
        actual = run_graph(graph, frame, SCHEMA)
        np.testing.assert_allclose(actual, model.predict_proba(frame), rtol=0, atol=1e-6)


def letters(text: str) -> list[str]:
    return list(text)


@pytest.mark.parametrize(
    ("vectoriser", "reason"),
    [
        (CountVectorizer(tokenizer=letters, token_pattern=None), "calls a function of its own"),
        (CountVectorizer(analyzer=letters), "calls a function of its own"),
        (CountVectorizer(preprocessor=str.upper), "calls a function of its own"),
        (CountVectorizer(strip_accents=str.upper), "strip_accents None, 'unicode' or 'ascii'"),
        (CountVectorizer(token_pattern=r"[a-z]+|\d+"), "token_pattern='.*' has no conversion"),
        (CountVectorizer(token_pattern=r"\b[a-z-]+\b"), "token_pattern='.*' has no conversion"),
    ],
)
def test_settings_that_no_graph_can_express_are_refused_with_the_reason(vectoriser, reason):
    with pytest.raises(InvalidInput, match=reason):
        export(fitted(vectoriser), SCHEMA, "xy")
