"""Fitted scikit-learn estimators as ONNX graphs."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline

from platform_core.errors import InvalidData, InvalidInput
from training.importing.found import AdaptedModel, Declared, FoundModel
from training.importing.graph_inputs import plain
from training.importing.graph_outputs import class_order
from training.importing.onnx_models import ML_OPSET, OPSET, adapt_graph
from training.search.models import Array
from use_cases import FeatureSchema, UseCase, model_schema
from use_cases.export import export, register_converters


def adapt_estimator(found: FoundModel, case: UseCase, declared: Declared) -> AdaptedModel:
    """Return the graph of a fitted classifier.

    An estimator that takes named columns or text is exported like the platform's own candidates.
    Any other takes one block of numbers, in the order of its feature names.

    Raises:
        InvalidData: it was fitted on other columns or classes, or cannot be converted.
    """
    model = found.estimator
    if not is_classifier(model):
        raise InvalidData(
            f"{found.source} is a {type(model).__name__}, not a classifier; regression models "
            "cannot be imported, because their intervals need the rows that they were calibrated on"
        )
    try:
        graph, columns, labels = _graph(found, case)
    except InvalidData:
        raise
    except (InvalidInput, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidData(f"{found.source} cannot be converted to ONNX: {error}") from error
    as_graph = replace(found, estimator=None, graph=graph, columns=columns, labels=labels)
    return adapt_graph(as_graph, case, declared)


def original_answers(found: FoundModel, case: UseCase, rows: pa.Table) -> Array | None:
    """Return the probabilities [N, C] of the estimator itself for N rows of features, or `None`
    if it has no `predict_proba`.
    """
    model = found.estimator
    if not hasattr(model, "predict_proba"):
        return None
    frame = model_schema(case).frame(rows)
    order = class_order(case, _labels(found))
    answers: Array = np.asarray(model.predict_proba(_input(found, case, frame)))[:, order]
    return answers


def _graph(
    found: FoundModel, case: UseCase
) -> tuple[onnx.ModelProto, tuple[str, ...] | None, tuple[str, ...]]:
    """Return a graph of the estimator, the names of its block's columns, and its classes."""
    model, schema, labels = found.estimator, model_schema(case), _labels(found)
    learned = [str(label) for label in model.classes_]
    ordered = [learned[position] for position in class_order(case, labels)]
    if _takes_text(model):
        text = _only_text(schema)
        return export(_pipeline(model), FeatureSchema((text,)), ordered), None, tuple(case.classes)
    if _takes_names(model):
        strange = [name for name in _columns(found) or () if name not in schema.names]
        if strange:
            raise InvalidInput(
                f"it was fitted on the columns {', '.join(strange)}, which are not among the "
                f"features of the use case ({', '.join(schema.names)})"
            )
        return export(_pipeline(model), schema, ordered), schema.numbers, tuple(case.classes)
    return _block_graph(model), _columns(found), labels


def _block_graph(model: Any) -> onnx.ModelProto:
    width = getattr(model, "n_features_in_", None)
    if width is None:
        raise InvalidInput(
            "it has no n_features_in_, so its number of columns is unknown; fit it first"
        )
    register_converters()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of the converter
        graph: onnx.ModelProto = to_onnx(
            model,
            initial_types=[("block", FloatTensorType([None, width]))],
            options={id(model): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    # Keep the probabilities, or the label if there are none.
    unused = 0 if hasattr(model, "predict_proba") else 1
    del graph.graph.output[unused]
    return graph


def _input(found: FoundModel, case: UseCase, frame: pd.DataFrame) -> Any:
    """Return the features in the form in which the estimator was fitted."""
    model, schema = found.estimator, model_schema(case)
    if _takes_text(model):
        return frame[_only_text(schema)]
    if _takes_names(model):
        return frame
    names = getattr(model, "feature_names_in_", None)
    columns = _columns(found)
    if columns is None:
        return frame[list(schema.numbers)].to_numpy()
    known = {plain(name): name for name in schema.numbers}
    chosen = frame[[known[plain(name)] for name in columns]]
    return chosen.to_numpy() if names is None else chosen.set_axis(list(names), axis=1)


def _columns(found: FoundModel) -> tuple[str, ...] | None:
    names = getattr(found.estimator, "feature_names_in_", None)
    return found.columns if names is None else tuple(str(name) for name in names)


def _labels(found: FoundModel) -> tuple[str, ...]:
    """Return the user's names of the classes, or else those of the estimator."""
    return found.labels or tuple(str(label) for label in found.estimator.classes_)


def _first(model: Any) -> Any:
    return model.steps[0][1] if isinstance(model, Pipeline) else model


def _takes_names(model: Any) -> bool:
    return isinstance(_first(model), ColumnTransformer)


def _takes_text(model: Any) -> bool:
    return isinstance(_first(model), CountVectorizer)


def _only_text(schema: FeatureSchema) -> str:
    if len(schema.texts) != 1:
        raise InvalidInput(
            f"it takes one text, and the use case has {', '.join(schema.texts) or 'none'}; put the "
            "vectoriser into a ColumnTransformer that names its column"
        )
    return schema.texts[0]


def _pipeline(model: Any) -> Pipeline:
    return model if isinstance(model, Pipeline) else Pipeline([("model", model)])
