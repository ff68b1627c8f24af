"""From a fitted scikit-learn pipeline to the ONNX graph a release carries.

Needs the `training` extra. The same fitted estimator gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from platform_core.errors import InvalidInput
from platform_core.open_inference import PROBABILITIES
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

# ONNX Runtime's tokenizer and scikit-learn's must cut alike; ASCII words are what both agree on.
TOKEN_PATTERN = "[a-zA-Z0-9]+"  # noqa: S105 (a regular expression)
OPSET = {"": 18, "ai.onnx.ml": 3}
GRAPH_NAME = "model"
_ORDER = "class_order"
_SORTED = "probabilities_in_sorted_order"


def export(fitted: BaseEstimator, schema: pa.Schema, classes: Sequence[str]) -> onnx.ModelProto:
    """Return the graph of a fitted classifier.

    Args:
        fitted: classifier, or pipeline that ends in one, fitted on a pandas frame with the
            columns of `schema` and labels out of `classes`. Text vectorisers must use
            `token_pattern=TOKEN_PATTERN` and `lowercase=False`.
        schema: the model's input columns; string or float32.
        classes: the order of the probability columns.

    Returns:
        A graph with one input [N, 1] per column and one output `probabilities` [N, C] float32.

    Raises:
        InvalidInput: the estimator was fitted on other classes, or a column or vectoriser
            cannot be expressed in ONNX.
    """
    learned = [str(label) for label in fitted.classes_]
    if sorted(learned) != sorted(classes):
        raise InvalidInput(
            f"the model was fitted on the classes {learned}, the use case has {list(classes)}; "
            "train on rows of every class"
        )
    model = to_onnx(
        fitted,
        initial_types=[(field.name, _tensor_type(field)) for field in schema],
        options=_options(fitted),
        target_opset=OPSET,
        name=GRAPH_NAME,
    )
    _keep_probabilities(model.graph, [learned.index(name) for name in classes])
    stamp = {FEATURE_SCHEMA_KEY: feature_schema_hash(schema)}
    helper.set_model_props(model, stamp)
    onnx.checker.check_model(model)
    return model


def _tensor_type(field: pa.Field) -> FloatTensorType | StringTensorType:
    if field.type == pa.string():
        return StringTensorType([None, 1])
    if field.type == pa.float32():
        return FloatTensorType([None, 1])
    raise InvalidInput(
        f"the feature {field.name!r} has type {field.type}; a model takes string or float32"
    )


def _options(fitted: BaseEstimator) -> dict[int, dict[str, Any]]:
    options: dict[int, dict[str, Any]] = {id(fitted): {"zipmap": False}}
    for step in _steps(fitted):
        if isinstance(step, CountVectorizer):
            if step.token_pattern != TOKEN_PATTERN or step.lowercase:
                raise InvalidInput(
                    f"{type(step).__name__} must have token_pattern={TOKEN_PATTERN!r} and "
                    "lowercase=False: other settings cut text differently in ONNX Runtime"
                )
            # Slim images lack every locale but C, and the session would fail to load.
            options[id(step)] = {"tokenexp": TOKEN_PATTERN, "locale": "C"}
    return options


def _steps(estimator: Any) -> Iterator[Any]:
    yield estimator
    children: list[Any] = []
    if isinstance(estimator, Pipeline):
        children = [step for _, step in estimator.steps]
    elif isinstance(estimator, ColumnTransformer):
        children = [transformer for _, transformer, _ in estimator.transformers_]
    elif isinstance(estimator, FeatureUnion):
        children = [transformer for _, transformer in estimator.transformer_list]
    for child in children:
        yield from _steps(child)


def _keep_probabilities(graph: onnx.GraphProto, order: Sequence[int]) -> None:
    """Drop the label output and put the probability columns into `order`."""
    scores = graph.output[1].name
    for node in graph.node:  # the converter may call its own output `probabilities` already
        _replace(node.input, scores, _SORTED)
        _replace(node.output, scores, _SORTED)
    graph.initializer.append(numpy_helper.from_array(np.array(order, np.int64), _ORDER))
    node = helper.make_node("Gather", [_SORTED, _ORDER], [PROBABILITIES], axis=1)
    graph.node.append(node)
    shape = [None, len(order)]
    output = helper.make_tensor_value_info(PROBABILITIES, onnx.TensorProto.FLOAT, shape)
    del graph.output[:]
    graph.output.append(output)
    _prune(graph)


def _replace(names: Any, old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new


def _prune(graph: onnx.GraphProto) -> None:
    """Remove the nodes that only fed the dropped label."""
    needed = {PROBABILITIES}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    used = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(used)
