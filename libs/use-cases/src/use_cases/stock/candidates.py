"""The stock candidates: their names, and those that suit the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from platform_core.errors import InvalidInput
from use_cases.feature_schema import FeatureSchema
from use_cases.training import Candidate

if TYPE_CHECKING:
    import onnx

CLASSIFIERS = (
    "logistic_regression",
    "piecewise_logistic_regression",
    "sgd",
    "naive_bayes",
    "random_forest",
    "hist_gradient_boosting",
    "xgboost",
    "lightgbm",
)
REGRESSORS = ("ridge", "random_forest", "hist_gradient_boosting", "xgboost", "lightgbm")
TEXT_CLASSIFIERS = ("logistic_regression", "sgd", "naive_bayes")
BINARY_TEXT_CLASSIFIERS = (*TEXT_CLASSIFIERS, "nb_logistic_regression")
TEXT_REGRESSORS = ("ridge",)
REGRESSION = "regression"


def candidates(
    schema: FeatureSchema,
    task: str,
    classes: Sequence[str] = (),
    names: Sequence[str] | None = None,
) -> tuple[Candidate, ...]:
    """Return stock candidates for the features of `schema` (needs the `training` extra).

    Texts are given to a model as TF-IDF values. Numbers are scaled for linear models and naive
    Bayes, and given to trees as they are; they must be finite. `piecewise_logistic_regression` gets
    them scaled and also piecewise linear encoded (see `PiecewiseLinearEncoder`).

    Args:
        schema: the model's features.
        task: `binary`, `multiclass` or `regression`.
        classes: the order of the probabilities; none for regression.
        names: some of `CLASSIFIERS`, or of `REGRESSORS` for regression; for texts of two classes
            also `nb_logistic_regression`. The default is all of them for tables, and the linear
            models and naive Bayes for texts: trees on thousands of words are slow and seldom
            better.

    Raises:
        InvalidInput: a name is unknown for the task, the schema has no feature, or the classes do
            not fit the task.
    """
    _check(schema, task, classes)
    known: tuple[str, ...] = REGRESSORS if task == REGRESSION else CLASSIFIERS
    suited = known
    if schema.texts:
        suited = _TEXT_DEFAULTS[task]
        known = tuple(dict.fromkeys((*known, *suited)))
    chosen = names or suited
    if unknown := [name for name in chosen if name not in known]:
        raise InvalidInput(
            f"stock candidate {unknown[0]!r} is unknown for {task}; use {', '.join(known)}"
        )
    return tuple(_candidate(name, schema, task, classes) for name in chosen)


_TEXT_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "binary": BINARY_TEXT_CLASSIFIERS,
    "multiclass": TEXT_CLASSIFIERS,
    REGRESSION: TEXT_REGRESSORS,
}


def _check(schema: FeatureSchema, task: str, classes: Sequence[str]) -> None:
    if not schema.names:
        raise InvalidInput("the schema has neither texts nor numbers; declare at least one")
    if task not in ("binary", "multiclass", REGRESSION):
        raise InvalidInput(f"task {task!r} is unknown; use binary, multiclass or regression")
    few = 0 if task == REGRESSION else 2
    if len(classes) < few or (len(classes) > few and task != "multiclass"):
        raise InvalidInput(f"{task} does not fit {len(classes)} classes: {list(classes)}")


def _candidate(name: str, schema: FeatureSchema, task: str, classes: Sequence[str]) -> Candidate:
    from use_cases.stock.families import family

    kind = family(name, schema, regression=task == REGRESSION)
    to_onnx = (
        partial(_regressor, schema=schema)
        if task == REGRESSION
        else partial(_classifier, schema=schema, classes=tuple(classes))
    )
    return Candidate(name, partial(_build, name, schema, task), kind.space, to_onnx)


def _build(
    name: str, schema: FeatureSchema, task: str, parameters: Mapping[str, Any], seed: int
) -> Any:
    from use_cases.stock.families import family

    return family(name, schema, regression=task == REGRESSION).pipeline(parameters, seed)


def _classifier(fitted: Any, schema: FeatureSchema, classes: Sequence[str]) -> onnx.ModelProto:
    # Workers that only fit models do not wait for the converters.
    from use_cases.export import export

    return export(fitted, schema, classes)


def _regressor(fitted: Any, schema: FeatureSchema) -> onnx.ModelProto:
    from use_cases.export import export_regressor

    return export_regressor(fitted, schema)
