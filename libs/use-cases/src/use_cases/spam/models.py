"""The models to try on e-mail (needs the `training` extra).

What they look at besides the text is kept small on purpose: in any one corpus the layout of a
mail (length, line breaks, spacing, markup, links) and its sender give the class nearly away,
and in the next corpus they mislead. Those columns are watched for drift; the linear models
learn only from signs that mean the same whoever wrote the mail, at a tenth of their scale.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.assemble import model_schema
from use_cases.export import TOKEN_PATTERN, export
from use_cases.interface import Candidate
from use_cases.spam.use_case import SENDER_DOMAIN, SpamUseCase

SCHEMA = model_schema(SpamUseCase())
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_addresses")
NUMERIC = [*SIGNS, *SENDER_DOMAIN.names]
NUMERIC_WEIGHT = 0.1
# The graph's TF-IDF output is dense, rows x terms floats: terms are what a prediction costs.
TERMS = 20_000
TREE_TERMS = 500

to_onnx = partial(export, schema=SCHEMA, classes=SpamUseCase.classes)


def candidates() -> Sequence[Candidate]:
    """Return the candidates, the best bet first."""
    return (
        Candidate("sgd", _sgd, {"alpha": (1e-5, 2e-5, 5e-5)}, to_onnx),
        Candidate("logistic_regression", _logistic, {"C": (5.0, 2.0, 10.0)}, to_onnx),
        Candidate(
            "random_forest",
            _forest,
            {"n_estimators": (60, 120), "min_samples_leaf": (1, 3), "max_depth": (40, 20)},
            to_onnx,
        ),
        Candidate(
            "gradient_boosting",
            _boosting,
            {"n_estimators": (150, 300), "learning_rate": (0.2, 0.1), "max_depth": (4, 6)},
            to_onnx,
        ),
    )


def _sgd(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    # Averaged weights depend less on the order of the mails, and carry over to other sources.
    return _linear(SGDClassifier(loss="log_loss", average=True, random_state=seed, **parameters))


def _logistic(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _linear(LogisticRegression(max_iter=1000, random_state=seed, **parameters))


def _forest(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _trees(RandomForestClassifier(random_state=seed, **parameters))


def _boosting(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    classifier = GradientBoostingClassifier(
        max_features="sqrt", subsample=0.8, random_state=seed, **parameters
    )
    return _trees(classifier)


def _linear(classifier: ClassifierMixin) -> Pipeline:
    """Return words and pairs of words, and a little of the signs, for a linear model."""
    inputs = ColumnTransformer(
        [("text", _pairs(), "text"), ("numeric", StandardScaler(), NUMERIC)],
        transformer_weights={"numeric": NUMERIC_WEIGHT},
    )
    return Pipeline([("inputs", inputs), ("classifier", classifier)])


def _trees(classifier: ClassifierMixin) -> Pipeline:
    """Return which common words occur, and the signs, for trees: few columns, and exact ones.

    A weight like TF-IDF may round to the other side of a split in the graph's float32.
    """
    words = CountVectorizer(
        token_pattern=TOKEN_PATTERN, lowercase=False, max_features=TREE_TERMS, binary=True
    )
    inputs = ColumnTransformer([("text", words, "text"), ("numeric", "passthrough", NUMERIC)])
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
