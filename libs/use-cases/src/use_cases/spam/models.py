"""The models to try on e-mail (needs the `training` extra).

In any one corpus the layout of a mail (length, line breaks, markup, links) and its sender give
the class nearly away, and in the next corpus they mislead. So the linear models learn from words,
and of the rest only from signs that mean the same whoever wrote the mail, at a tenth of their
scale; what the lexicon finds counts with a fixed weight, whatever the corpus would make of it.

Naive Bayes takes part in the linear models and is no candidate of its own: its probabilities are
near 0 or 1, so it wins a comparison within an easy source at a threshold above one half, and
finds less on others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.assemble import model_schema
from use_cases.export import TOKEN_PATTERN, export
from use_cases.interface import Candidate
from use_cases.spam.guided import GuidedClassifier
from use_cases.spam.topics import SIDES, TOPICAL
from use_cases.spam.use_case import SENDER_DOMAIN, SpamUseCase

SCHEMA = model_schema(SpamUseCase())
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_addresses")
NUMERIC = [*SIGNS, *SENDER_DOMAIN.names]
NUMERIC_WEIGHT = 0.1
TERMS = 50_000
BAYES = 0.2
# What a text full of unwanted words adds to the log-odds. Wanted words count less: other people
# talk about other things.
GUIDANCE = (5.0, 3.0, 8.0)
WANTED_PART = 0.7


def candidates() -> Sequence[Candidate]:
    """Return the candidates, the best bet first."""
    return (
        Candidate("guided_sgd", _sgd, {"alpha": (5e-6, 2e-6, 1e-5), "guidance": GUIDANCE}, to_onnx),
        Candidate(
            "guided_logistic", _logistic, {"C": (10.0, 5.0, 20.0), "guidance": GUIDANCE}, to_onnx
        ),
        Candidate(
            "gradient_boosting",
            _boosting,
            {"n_estimators": (150, 300), "learning_rate": (0.2, 0.1), "max_depth": (4, 6)},
            to_onnx,
        ),
    )


def to_onnx(fitted: Pipeline) -> onnx.ModelProto:
    """Return the graph; guidance is part of the weights of a plain linear classifier."""
    name, classifier = fitted.steps[-1]
    plain = classifier.plain_ if isinstance(classifier, GuidedClassifier) else classifier
    pipeline = Pipeline([*fitted.steps[:-1], (name, plain)])
    return export(pipeline, schema=SCHEMA, classes=SpamUseCase.classes)


def _sgd(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    # Averaged weights depend less on the order of the mails, and carry over to other sources.
    linear = SGDClassifier(
        loss="log_loss", average=True, alpha=parameters["alpha"], random_state=seed
    )
    return _guided(linear, parameters["guidance"])


def _logistic(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    linear = LogisticRegression(C=parameters["C"], max_iter=1000, random_state=seed)
    return _guided(linear, parameters["guidance"])


def _boosting(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    """Return trees on topics and signs: values that are exact in the graph's float32, unlike
    TF-IDF, which may round to the other side of a split.
    """
    classifier = GradientBoostingClassifier(
        max_features="sqrt", subsample=0.8, random_state=seed, **parameters
    )
    inputs = ColumnTransformer([("numeric", "passthrough", [*TOPICAL, *NUMERIC])])
    return Pipeline([("inputs", inputs), ("classifier", classifier)])


def _guided(linear: ClassifierMixin, guidance: float) -> Pipeline:
    """Return words and pairs of words, a little of the signs, and the lexicon's guidance."""
    inputs = ColumnTransformer(
        [
            ("text", _pairs(), "text"),
            ("numeric", StandardScaler(), NUMERIC),
            ("sides", "passthrough", list(SIDES)),
        ],
        transformer_weights={"numeric": NUMERIC_WEIGHT},
    )
    guides = (guidance, -WANTED_PART * guidance)
    classifier = GuidedClassifier(linear, BAYES, len(NUMERIC), guides)
    return Pipeline([("inputs", inputs), ("classifier", classifier)])


def _pairs() -> TfidfVectorizer:
    """Return TF-IDF of whether a term occurs: how often says more of the source than the class.

    (Sublinear counts do as well, but their ONNX conversion takes log(1 + n), not 1 + log(n).)
    """
    return TfidfVectorizer(
        token_pattern=TOKEN_PATTERN,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2,
        max_features=TERMS,
        binary=True,
    )
