"""The models to try on iris flowers (needs the `training` extra)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.feature_schema import FeatureSchema
from use_cases.iris.record import COLUMNS
from use_cases.iris.species import SPECIES
from use_cases.training import Candidate

if TYPE_CHECKING:
    import onnx


def candidates() -> Sequence[Candidate]:
    """Return the candidates, the quickest first."""
    return (
        Candidate("logistic_regression", _logistic, {"C": (1.0, 0.1, 10.0)}, to_onnx),
        Candidate("sgd", _sgd, {"alpha": (1e-3, 1e-4, 1e-2)}, to_onnx),
        Candidate(
            "random_forest", _forest, {"n_estimators": (50, 100), "max_depth": (4, 8)}, to_onnx
        ),
        Candidate(
            "gradient_boosting",
            _boosting,
            {"n_estimators": (30, 60), "learning_rate": (0.1, 0.05), "max_depth": (2, 3)},
            to_onnx,
        ),
    )


def to_onnx(fitted: Pipeline) -> onnx.ModelProto:
    """Return the graph of a fitted candidate."""
    # Processes that only fit models do not wait for the converters.
    from use_cases.export import export

    return export(fitted, FeatureSchema(numbers=COLUMNS), SPECIES)


def _logistic(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _scaled(LogisticRegression(max_iter=1000, random_state=seed, **parameters))


def _sgd(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _scaled(SGDClassifier(loss="log_loss", random_state=seed, **parameters))


def _forest(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _scaled(RandomForestClassifier(random_state=seed, **parameters))


def _boosting(parameters: Mapping[str, Any], seed: int) -> Pipeline:
    return _scaled(GradientBoostingClassifier(random_state=seed, **parameters))


def _scaled(classifier: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), classifier)
