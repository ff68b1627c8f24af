"""The models to try on e-mail (needs the `training` extra).

Within one corpus the layout of a mail (length, line breaks, markup, links) and its sender nearly
determine the class; in the next corpus they mislead. So the linear models learn from words, and
from those signs only that mean the same in every corpus, at a tenth of their scale. What the
lexicon finds counts with a fixed weight.

The sender's statistics are among these signs. Because four fifths of the training rows lack them,
the linear models do as well on mail of unknown senders of another source. Trees do not: with them
they call 2 % more of the good mail spam, so they get no sender features (`make bench-quality`).

Plain naive Bayes gives probabilities near 0 or 1: it wins a comparison within an easy source and
misleads on others. As a candidate of its own it is therefore tempered, smoothed and guided like
the rest. N-grams of characters recognise misspelt words, but identify a source by its endings and
signatures: they get less weight than words, and more guidance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.closed_vectoriser import TOKEN_PATTERN, ClosedTfidfVectorizer
from use_cases.spam.classes import CLASSES, SENDER_DOMAIN
from use_cases.spam.features import FEATURE_SCHEMA
from use_cases.spam.topics import SIDES, TOPICAL
from use_cases.spam.training.guided import GuidedClassifier
from use_cases.training import Candidate

if TYPE_CHECKING:
    import onnx

SCHEMA = FEATURE_SCHEMA.with_numbers(SENDER_DOMAIN.names)
SIGNS = ("log_exclamations", "log_questions", "log_currency", "log_addresses")
NUMERIC = [*SIGNS, *SENDER_DOMAIN.names]
NUMERIC_WEIGHT = 0.1
TERMS = 50_000
BAYES = 0.2
BAYES_ALONE = 0.4
CHARACTER_TERMS = 20_000
CHARACTERS_WEIGHT = 0.3
# What a text full of unwanted words adds to the log-odds. Wanted words count less: other people
# talk about other things.
GUIDANCE = (5.0, 3.0, 8.0)
MORE_GUIDANCE = (8.0, 5.0, 12.0)
WANTED_PART = 0.7


def candidates() -> Sequence[Candidate]:
    """Return the candidates, the most promising first."""
    return (
        Candidate("guided_sgd", _sgd, {"alpha": (5e-6, 2e-6, 1e-5), "guidance": GUIDANCE}, to_onnx),
        Candidate(
            "guided_logistic", _logistic, {"C": (10.0, 5.0, 20.0), "guidance": GUIDANCE}, to_onnx
        ),
        Candidate(
            "guided_bayes",
            _bayes,
            {"alpha": (0.5, 0.25, 1.0), "guidance": MORE_GUIDANCE},
            to_onnx,
        ),
        Candidate(
            "gradient_boosting",
            _boosting,
            {"n_estimators": (150, 300), "learning_rate": (0.2, 0.1), "max_depth": (4, 6)},
            to_onnx,
        ),
        Candidate(
            "guided_characters",
            _characters,
            {"alpha": (5e-6, 2e-6, 1e-5), "guidance": MORE_GUIDANCE},
            to_onnx,
        ),
    )


def to_onnx(fitted: Pipeline) -> onnx.ModelProto:
    """Return the graph; guidance is part of the weights of a plain linear classifier."""
    # Who only fits models, as every worker does, does not wait for the converters.
    from use_cases.export import export

    name, classifier = fitted.steps[-1]
    plain = classifier.plain_ if isinstance(classifier, GuidedClassifier) else classifier
    pipeline = Pipeline([*fitted.steps[:-1], (name, plain)])
    return export(pipeline, schema=SCHEMA, classes=CLASSES)


def _sgd(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _guided(_averaged(parameters, seed), parameters["guidance"])


def _logistic(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    linear = LogisticRegression(C=parameters["C"], max_iter=1000, random_state=seed)
    return _guided(linear, parameters["guidance"])


def _bayes(parameters: Mapping[str, Any], seed: int) -> Pipeline:  # noqa: ARG001 (none is drawn)
    classifier = partial(GuidedClassifier, None, BAYES_ALONE, alpha=parameters["alpha"])
    return _pipeline(classifier, parameters["guidance"], {"text": _pairs()})


def _characters(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    texts = {"text": _pairs(), "characters": _grams()}
    classifier = partial(GuidedClassifier, _averaged(parameters, seed), BAYES)
    return _pipeline(classifier, parameters["guidance"], texts)


def _averaged(parameters: Mapping[str, Any], seed: int) -> SGDClassifier:
    # Averaged weights depend less on the order of the mails, and carry over to other sources.
    return SGDClassifier(
        loss="log_loss", average=True, alpha=parameters["alpha"], random_state=seed
    )


def _boosting(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    """Return trees on topics and signs: values that are exact in the graph's float32, unlike
    TF-IDF, which may round to the other side of a split.
    """
    classifier = GradientBoostingClassifier(
        max_features="sqrt", subsample=0.8, random_state=seed, **parameters
    )
    inputs = ColumnTransformer([("numeric", "passthrough", [*TOPICAL, *SIGNS])])
    return Pipeline([("inputs", inputs), ("classifier", classifier)])


def _guided(linear: ClassifierMixin, guidance: float) -> Pipeline:
    classifier = partial(GuidedClassifier, linear, BAYES)
    return _pipeline(classifier, guidance, {"text": _pairs()})


def _pipeline(
    classifier: Callable[..., GuidedClassifier],
    guidance: float,
    texts: Mapping[str, TfidfVectorizer],
) -> Pipeline:
    """Return the terms of the text, a little of the signs, and the lexicon's guidance."""
    inputs = ColumnTransformer(
        [
            *((name, vectoriser, "text") for name, vectoriser in texts.items()),
            ("numeric", StandardScaler(), NUMERIC),
            ("sides", "passthrough", list(SIDES)),
        ],
        transformer_weights={"numeric": NUMERIC_WEIGHT, "characters": CHARACTERS_WEIGHT},
    )
    guides = (guidance, -WANTED_PART * guidance)
    guided = classifier(signs=len(NUMERIC), weights=guides)
    return Pipeline([("inputs", inputs), ("classifier", guided)])


def _pairs() -> TfidfVectorizer:
    """Return TF-IDF of whether a term occurs: counts say more about the source than the class.

    (Sublinear counts do as well, but their ONNX conversion takes log(1 + n), not 1 + log(n).)
    """
    return ClosedTfidfVectorizer(
        token_pattern=TOKEN_PATTERN,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=2,
        max_features=TERMS,
        binary=True,
    )


def _grams() -> TfidfVectorizer:
    """Return TF-IDF of whether 3 or 4 characters follow each other, across words as well.

    (N-grams within words, `char_wb`, have no conversion.)
    """
    return TfidfVectorizer(
        analyzer="char",
        lowercase=False,
        ngram_range=(3, 4),
        min_df=2,
        max_features=CHARACTER_TERMS,
        binary=True,
    )
