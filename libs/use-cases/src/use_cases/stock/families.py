"""The model families behind the stock candidates: estimators, their inputs and search spaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from use_cases.feature_schema import FeatureSchema, is_indicator
from use_cases.search_space import Integers, LogUniform, Space
from use_cases.stock.bayes import DoubleGaussianNB, NaiveBayesLogisticRegression
from use_cases.stock.piecewise import PiecewiseLinearEncoder

TERMS = 50_000
# Trees split on one value at a time: more terms cost time and add little.
TREE_TERMS = 2_000
Numbers = Literal["standard", "piecewise", "non_negative", "raw"]
Build = Callable[[Mapping[str, Any], int], Any]


@dataclass(frozen=True)
class Family:
    """An estimator of the features of `schema`: `numbers` is how it takes them, `space` the
    parameters to search.
    """

    schema: FeatureSchema
    estimator: Build
    numbers: Numbers
    space: Space
    dense: bool = False

    def pipeline(self, parameters: Mapping[str, Any], seed: int) -> Pipeline:
        """Return an unfitted pipeline for frames with the columns of the schema."""
        terms = TREE_TERMS if self.numbers == "raw" else TERMS
        steps: list[tuple[str, Any, Any]] = [
            (f"text_{name}", _words(terms), name) for name in self.schema.texts
        ]
        numbers = list(self.schema.numbers)
        if self.numbers in ("standard", "piecewise"):
            # Scaled to unit variance, an indicator that is seldom 1 would outweigh every number.
            indicators = [name for name in numbers if is_indicator(name)]
            numbers = [name for name in numbers if not is_indicator(name)]
            steps += [("indicators", "passthrough", indicators)] if indicators else []
        if numbers:
            steps.append(("numbers", _SCALERS[self.numbers](), numbers))
        if numbers and self.numbers == "piecewise":
            steps.append(("pieces", PiecewiseLinearEncoder(parameters["pieces"]), numbers))
        inputs = ColumnTransformer(steps, sparse_threshold=0 if self.dense else 0.3)
        return Pipeline([("inputs", inputs), ("model", self.estimator(parameters, seed))])


_SCALERS: Mapping[str, Callable[[], Any]] = {
    "standard": StandardScaler,
    "piecewise": StandardScaler,
    "non_negative": lambda: MinMaxScaler(clip=True),
    "raw": lambda: "passthrough",
}


def family(name: str, schema: FeatureSchema, *, regression: bool) -> Family:
    """Return a stock family by name."""
    if name == "naive_bayes":
        return _naive_bayes(schema)
    if name == "nb_logistic_regression":
        return Family(schema, _nb_logistic, "non_negative", {"C": LogUniform(1, 300, 20.0)})
    if name == "piecewise_logistic_regression":
        return Family(schema, _piecewise_logistic, "piecewise", _PIECEWISE)
    if name in _LINEAR:
        estimator, tables, texts = _LINEAR[name]
        return Family(schema, estimator, "standard", texts if schema.texts else tables)
    classifier, regressor, space, dense = _TREES[name]
    return Family(schema, regressor if regression else classifier, "raw", space, dense)


def _words(terms: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        token_pattern=r"\w+",  # noqa: S106 (a regular expression)
        ngram_range=(1, 2),
        max_features=terms,
        sublinear_tf=True,
    )


def _naive_bayes(schema: FeatureSchema) -> Family:
    if schema.texts:
        return Family(
            schema,
            lambda p, _: MultinomialNB(**p),
            "non_negative",
            {"alpha": LogUniform(0.01, 2, 0.1)},
        )
    # Without smoothing, an indicator that is always 0 in one class would decide on its own.
    return Family(
        schema,
        lambda p, _: DoubleGaussianNB(**p),
        "standard",
        {"var_smoothing": LogUniform(1e-4, 0.5, 1e-2)},
    )


def _logistic(parameters: Mapping[str, Any], seed: int) -> Any:
    return LogisticRegression(max_iter=1000, random_state=seed, **parameters)


def _piecewise_logistic(parameters: Mapping[str, Any], seed: int) -> Any:
    return _logistic({"C": parameters["C"]}, seed)


def _nb_logistic(parameters: Mapping[str, Any], seed: int) -> Any:
    return NaiveBayesLogisticRegression(max_iter=1000, random_state=seed, **parameters)


def _sgd(parameters: Mapping[str, Any], seed: int) -> Any:
    # Averaged weights depend less on the order of the rows.
    return SGDClassifier(loss="log_loss", average=True, random_state=seed, **parameters)


def _ridge(parameters: Mapping[str, Any], seed: int) -> Any:
    return Ridge(random_state=seed, **parameters)


def _forest(parameters: Mapping[str, Any], seed: int) -> Any:
    return RandomForestClassifier(random_state=seed, **parameters)


def _forest_regressor(parameters: Mapping[str, Any], seed: int) -> Any:
    return RandomForestRegressor(random_state=seed, **parameters)


def _histogram(parameters: Mapping[str, Any], seed: int) -> Any:
    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **parameters)


def _histogram_regressor(parameters: Mapping[str, Any], seed: int) -> Any:
    return HistGradientBoostingRegressor(random_state=seed, early_stopping=False, **parameters)


def _xgboost(parameters: Mapping[str, Any], seed: int) -> Any:
    from use_cases.stock.xgboost import XGBoostClassifier

    return XGBoostClassifier(random_state=seed, n_jobs=1, tree_method="hist", **parameters)


def _xgboost_regressor(parameters: Mapping[str, Any], seed: int) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(random_state=seed, n_jobs=1, tree_method="hist", **parameters)


_LIGHT: Mapping[str, Any] = {
    "n_jobs": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


def _lightgbm(parameters: Mapping[str, Any], seed: int) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=seed, **_LIGHT, **parameters)


def _lightgbm_regressor(parameters: Mapping[str, Any], seed: int) -> Any:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(random_state=seed, **_LIGHT, **parameters)


_PIECEWISE: Space = {
    "C": LogUniform(0.01, 100, 1.0),
    "pieces": Integers(2, 16, 4, log=True),
}
_LINEAR: Mapping[str, tuple[Build, Space, Space]] = {
    "logistic_regression": (
        _logistic,
        {"C": LogUniform(0.01, 100, 1.0)},
        {"C": LogUniform(0.3, 100, 20.0)},
    ),
    "sgd": (
        _sgd,
        {"alpha": LogUniform(1e-5, 0.1, 1e-4)},
        {"alpha": LogUniform(1e-6, 1e-4, 1e-5)},
    ),
    "ridge": (_ridge, {"alpha": LogUniform(1e-3, 1e3, 1.0)}, {"alpha": LogUniform(0.05, 20, 1.0)}),
}
_TREES: Mapping[str, tuple[Build, Build, Space, bool]] = {
    "random_forest": (
        _forest,
        _forest_regressor,
        {
            "n_estimators": Integers(50, 300, 100),
            "max_depth": Integers(4, 24, 12),
            "min_samples_leaf": Integers(1, 20, 3, log=True),
        },
        False,
    ),
    "hist_gradient_boosting": (
        _histogram,
        _histogram_regressor,
        {
            "max_iter": Integers(50, 300, 100),
            "learning_rate": LogUniform(0.02, 0.3, 0.05),
            "max_leaf_nodes": Integers(4, 63, 15, log=True),
        },
        True,
    ),
    "xgboost": (
        _xgboost,
        _xgboost_regressor,
        {
            "n_estimators": Integers(50, 300, 100),
            "learning_rate": LogUniform(0.02, 0.3, 0.1),
            "max_depth": Integers(2, 8, 4),
        },
        False,
    ),
    "lightgbm": (
        _lightgbm,
        _lightgbm_regressor,
        {
            "n_estimators": Integers(50, 300, 100),
            "learning_rate": LogUniform(0.02, 0.3, 0.05),
            "num_leaves": Integers(4, 63, 15, log=True),
        },
        False,
    ),
}
