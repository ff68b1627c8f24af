"""The models to try on declared columns (needs the `training` extra)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from use_cases.closed_vectoriser import TOKEN_PATTERN, ClosedTfidfVectorizer
from use_cases.export import export
from use_cases.feature_schema import FeatureSchema
from use_cases.training import Candidate


def candidates(
    schema: FeatureSchema, classes: Sequence[str], names: Sequence[str] | None
) -> tuple[Candidate, ...]:
    """Return the candidates that suit the features, or those of `names`."""
    to_onnx = partial(export, schema=schema, classes=classes)
    linear: dict[str, tuple[Any, dict[str, Any], dict[str, Sequence[Any]]]] = {
        "logistic_regression": (LogisticRegression, {"max_iter": 1_000}, {"C": (1.0, 0.1, 10.0)}),
        "sgd": (SGDClassifier, {"loss": "log_loss"}, {"alpha": (1e-4, 1e-3)}),
    }
    trees: dict[str, tuple[Any, dict[str, Any], dict[str, Sequence[Any]]]] = {
        "random_forest": (
            RandomForestClassifier, {"min_samples_leaf": 4},
            {"n_estimators": (100, 200), "max_depth": (8, 12)},
        ),
    }  # fmt: skip
    suitable = linear if schema.texts else linear | trees
    return tuple(
        Candidate(name, partial(_build, schema, kind, fixed), space, to_onnx)
        for name, (kind, fixed, space) in suitable.items()
        if names is None or name in names
    )


def _build(
    schema: FeatureSchema,
    kind: Any,
    fixed: Mapping[str, Any],
    parameters: Mapping[str, Any],
    seed: int,
) -> Pipeline:
    vectorised = [
        (
            text,
            ClosedTfidfVectorizer(
                token_pattern=TOKEN_PATTERN, lowercase=False, binary=True, ngram_range=(1, 2),
                max_features=50_000,
            ),
            text,
        )
        for text in schema.texts
    ]  # fmt: skip
    linear = kind in (LogisticRegression, SGDClassifier)
    scaled = ("numbers", StandardScaler() if linear else "passthrough", list(schema.numbers))
    columns = ColumnTransformer([*vectorised, scaled])
    return make_pipeline(columns, kind(random_state=seed, **fixed, **parameters))
