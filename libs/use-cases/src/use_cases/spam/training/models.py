"""The models to try on e-mail (needs the `training` extra).

`words` is the plain model: TF-IDF of words and pairs of words, logistic regression. `guided_words`
adds what means the same in every collection of mail, which `make bench-quality` shows by leaving
one source out:

- how frequent exclamation marks, question marks, markup and links are, up to one per 1,000
  characters. More would depend on the collection, and a value beyond those of the training data
  would outweigh every word. Whether they occur at all depends on the length of the mail: a model of
  short texts would call long ones spam;
- what the lexicon finds, with a fixed weight (see `GuidedClassifier`);
- the statistics of the sender's domain.

Naive Bayes, n-grams of characters and trees on the signs were tried and made the models worse on
other sources: they recognise the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.closed_vectoriser import TOKEN_PATTERN, ClosedTfidfVectorizer
from use_cases.spam.classes import CLASSES, SENDER_DOMAIN
from use_cases.spam.features import FEATURE_SCHEMA
from use_cases.spam.structure import FREQUENT
from use_cases.spam.topics import SIDES
from use_cases.spam.training.guided import GuidedClassifier
from use_cases.training import Candidate

if TYPE_CHECKING:
    import onnx

SCHEMA = FEATURE_SCHEMA.with_numbers(SENDER_DOMAIN.names)
# In a mail with 100 different terms a word has a TF-IDF value of about 0.1. On the same scale, the
# weights of signs and of the sender are learned as cautiously as those of words.
NUMBER_WEIGHT = 0.1
TERMS = 30_000
# What a text of nothing but unwanted words adds to the log-odds. Wanted words count less, because
# they differ more between collections.
GUIDANCE = (8.0, 5.0)
WANTED_PART = 0.7


def candidates() -> Sequence[Candidate]:
    """Return the candidates, the most promising first."""
    strengths = (10.0, 20.0, 5.0)
    return (
        Candidate("guided_words", _guided, {"C": strengths, "guidance": GUIDANCE}, to_onnx),
        Candidate("words", _words, {"C": strengths}, to_onnx),
    )


def to_onnx(fitted: Pipeline) -> onnx.ModelProto:
    """Return the graph; guidance is part of the weights of a plain linear classifier."""
    # Imported here: workers, which only fit models, do not wait for the converters.
    from use_cases.export import export

    name, classifier = fitted.steps[-1]
    plain = classifier.plain_ if isinstance(classifier, GuidedClassifier) else classifier
    pipeline = Pipeline([*fitted.steps[:-1], (name, plain)])
    return export(pipeline, schema=SCHEMA, classes=CLASSES)


def _words(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    inputs = ColumnTransformer([("text", _pairs(), "text")])
    return Pipeline([("inputs", inputs), ("classifier", _logistic(parameters, seed))])


def _guided(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    inputs = ColumnTransformer(
        [
            ("text", _pairs(), "text"),
            ("signs", "passthrough", list(FREQUENT)),
            ("sender", StandardScaler(), list(SENDER_DOMAIN.names)),
            ("sides", "passthrough", list(SIDES)),
        ],
        transformer_weights={"signs": NUMBER_WEIGHT, "sender": NUMBER_WEIGHT},
    )
    guidance = parameters["guidance"]
    weights = (guidance, -WANTED_PART * guidance)
    classifier = GuidedClassifier(_logistic(parameters, seed), weights)
    return Pipeline([("inputs", inputs), ("classifier", classifier)])


def _logistic(parameters: Mapping[str, Any], seed: int) -> LogisticRegression:
    return LogisticRegression(C=parameters["C"], max_iter=1000, random_state=seed)


def _pairs() -> ClosedTfidfVectorizer:
    """Return TF-IDF of whether a term occurs: counts say more about the source than the class."""
    return ClosedTfidfVectorizer(
        token_pattern=TOKEN_PATTERN,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2,
        max_features=TERMS,
        binary=True,
    )
