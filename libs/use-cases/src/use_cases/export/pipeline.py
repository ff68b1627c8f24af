"""Convert a fitted scikit-learn pipeline to the ONNX graph of a release.

Needs the `training` extra. The same fitted estimator gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import onnx
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler, RobustScaler, StandardScaler

import use_cases.export.bayes
import use_cases.export.piecewise
import use_cases.export.vectorisers  # noqa: F401  (register their converters)
from platform_core.errors import InvalidInput
from use_cases.export.boosting import register_converters
from use_cases.export.graph_edit import (
    divide_by_norm,
    keep_prediction,
    keep_probabilities,
    name_inputs,
    prune,
    take_block,
)
from use_cases.export.text_fold import fold_text
from use_cases.feature_schema import FeatureSchema
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

OPSET = {"": 18, "ai.onnx.ml": 3}
GRAPH_NAME = "model"


def export(fitted: Pipeline, schema: FeatureSchema, classes: Sequence[str]) -> onnx.ModelProto:
    """Return the graph of a fitted classifier.

    Args:
        fitted: pipeline that ends in a classifier, fitted on a pandas frame with the columns
            of `schema` and labels out of `classes`. `CountVectorizer` and `TfidfVectorizer` may
            have any setting but functions of their own and token patterns of more than one
            repeated class of characters.
        schema: the model's features.
        classes: the order of the probability columns.

    Returns:
        A graph with one string input [N, 1] per text, one float32 input `numbers` [N, K] and one
        output `probabilities` [N, C] float32.

    Raises:
        InvalidInput: the estimator is not a pipeline or was fitted on other classes, or a
            vectoriser cannot be expressed in ONNX.
    """
    _check_pipeline(fitted)
    learned = [str(label) for label in fitted.classes_]
    if sorted(learned) != sorted(classes):
        raise InvalidInput(
            f"the model was fitted on the classes {learned}, the use case has {list(classes)}; "
            "train on rows of every class"
        )
    model = _converted(fitted, schema)
    take_block(model.graph, schema.numbers)
    keep_probabilities(model.graph, [learned.index(name) for name in classes])
    fold_text(model.graph)
    return _finished(model, schema)


def export_regressor(fitted: Pipeline, schema: FeatureSchema) -> onnx.ModelProto:
    """Return the graph of a fitted regressor.

    Args:
        fitted: pipeline that ends in a regressor of one target, fitted on a pandas frame with the
            columns of `schema`, with vectorisers as in `export`.
        schema: the model's features.

    Returns:
        A graph with the inputs of `export` and one output `prediction` [N, 1] float32.

    Raises:
        InvalidInput: the estimator is not a pipeline, or a vectoriser cannot be expressed in ONNX.
    """
    _check_pipeline(fitted)
    model = _converted(fitted, schema)
    take_block(model.graph, schema.numbers)
    keep_prediction(model.graph)
    return _finished(model, schema)


def _check_pipeline(fitted: object) -> None:
    if not isinstance(fitted, Pipeline):
        raise InvalidInput(
            f"{type(fitted).__name__} takes one array; put it into a Pipeline behind a "
            "ColumnTransformer or a scaler, so that its columns have names"
        )


def _converted(fitted: Pipeline, schema: FeatureSchema) -> onnx.ModelProto:
    register_converters()
    with _hidden_vocabularies(fitted):
        return _named(fitted, schema)


@contextmanager
def _hidden_vocabularies(fitted: Pipeline) -> Iterator[None]:
    """Keep skl2onnx, which looks for models in every dictionary of a step, out of vocabularies: the
    search takes ten times as long as the conversion.
    """
    steps = [step for step in _steps(fitted) if hasattr(step, "vocabulary_")]
    kept = [step.vocabulary_ for step in steps]
    try:
        for step, vocabulary in zip(steps, kept, strict=True):
            step.vocabulary_ = MappingProxyType(vocabulary)
        yield
    finally:
        for step, vocabulary in zip(steps, kept, strict=True):
            step.vocabulary_ = vocabulary


def _named(fitted: Pipeline, schema: FeatureSchema) -> onnx.ModelProto:
    model: onnx.ModelProto = to_onnx(
        fitted,
        initial_types=[
            *((name, StringTensorType([None, 1])) for name in schema.texts),
            *((name, FloatTensorType([None, 1])) for name in schema.numbers),
        ],
        options=_options(fitted),
        target_opset=OPSET,
        name=GRAPH_NAME,
    )
    name_inputs(model.graph, schema.names)
    return model


def _finished(model: onnx.ModelProto, schema: FeatureSchema) -> onnx.ModelProto:
    prune(model.graph)
    divide_by_norm(model.graph)
    helper.set_model_props(model, {FEATURE_SCHEMA_KEY: feature_schema_hash(schema)})
    _sort_operator_sets(model)
    onnx.checker.check_model(model)
    return model


def _sort_operator_sets(model: onnx.ModelProto) -> None:
    """Order what the converter collected in a set, so that every process writes the same bytes."""
    ordered = sorted(model.opset_import, key=lambda operator_set: operator_set.domain)
    del model.opset_import[:]
    model.opset_import.extend(ordered)


def _options(fitted: Pipeline) -> dict[int, dict[str, Any]]:
    options: dict[int, dict[str, Any]] = {}
    if is_classifier(fitted):
        options[id(fitted)] = {"zipmap": False}
    linear = isinstance(fitted.steps[-1][1], LinearClassifierMixin | LinearModel)
    for step in _steps(fitted):
        if isinstance(step, StandardScaler | RobustScaler | MaxAbsScaler) and not linear:
            # Divided as scikit-learn divides: a tree may split between two neighbouring float32.
            options[id(step)] = {"div": "div"}
    return options


def _steps(estimator: Any) -> Iterator[Any]:
    yield estimator
    children: list[object] = []
    if isinstance(estimator, Pipeline):
        children = [step for _, step in estimator.steps]
    elif isinstance(estimator, ColumnTransformer):
        children = [transformer for _, transformer, _ in estimator.transformers_]
    elif isinstance(estimator, FeatureUnion):
        children = [transformer for _, transformer in estimator.transformer_list]
    for child in children:
        yield from _steps(child)
