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
from sklearn.base import is_classifier, is_regressor
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
from use_cases.export import export, export_regressor, register_converters


def adapt_estimator(found: FoundModel, case: UseCase, declared: Declared) -> AdaptedModel:
    """Return the graph of a fitted classifier, for a use case without classes of a regressor.

    An estimator that takes named columns or text is exported like the platform's own candidates.
    Any other takes one block of numbers, in the order of its feature names.

    Raises:
        InvalidData: it was fitted on other columns or classes, or cannot be converted.
    """
    model = found.estimator
    fits = is_classifier if case.classes else is_regressor
    if not fits(model):
        needed = (
            "classes: it needs a classifier" if case.classes else "numbers: it needs a regressor"
        )
        raise InvalidData(
            f"{found.source} is a {type(model).__name__}, and {case.name} predicts {needed}"
        )
    try:
        graph, columns = _graph(found, case)
    except InvalidData:
        raise
    except (InvalidInput, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidData(f"{found.source} cannot be converted to ONNX: {error}") from error
    named = _exported_by_name(model)
    labels = None if not case.classes else tuple(case.classes) if named else _labels(found)
    as_graph = replace(found, estimator=None, graph=graph, columns=columns, labels=labels)
    return adapt_graph(as_graph, case, declared)


def original_answers(found: FoundModel, case: UseCase, rows: pa.Table) -> Array | None:
    """Return the probabilities [N, C] of the estimator itself for N rows of features, its numbers
    [N] where the use case has no classes, or `None` if it has no `predict_proba`.
    """
    model = found.estimator
    frame = model_schema(case).frame(rows)
    if not case.classes:
        numbers: Array = np.asarray(model.predict(_input(found, case, frame)), np.float64).ravel()
        return numbers
    if not hasattr(model, "predict_proba"):
        return None
    order = class_order(case, _labels(found))
    answers: Array = np.asarray(model.predict_proba(_input(found, case, frame)))[:, order]
    return answers


def _graph(found: FoundModel, case: UseCase) -> tuple[onnx.ModelProto, tuple[str, ...] | None]:
    """Return a graph of the estimator, and the names of its block's columns."""
    model, schema = found.estimator, model_schema(case)
    if case.classes:
        class_order(case, _labels(found))
    if _takes_text(model):
        return _exported(found, case, FeatureSchema((_only_text(schema),))), None
    if _takes_names(model):
        strange = [name for name in _columns(found) or () if name not in schema.names]
        if strange:
            raise InvalidInput(
                f"the model was fitted on the columns {', '.join(strange)}, which are not among "
                f"the features of the use case ({', '.join(schema.names)})"
            )
        return _exported(found, case, schema), schema.numbers
    return _block_graph(model), _columns(found)


def _exported(found: FoundModel, case: UseCase, schema: FeatureSchema) -> onnx.ModelProto:
    """Return the graph of an estimator of named columns, with classes in the use case's order."""
    pipeline = _pipeline(found.estimator)
    if not case.classes:
        return export_regressor(pipeline, schema)
    learned = [str(label) for label in found.estimator.classes_]
    return export(pipeline, schema, [learned[n] for n in class_order(case, _labels(found))])


def _block_graph(model: Any) -> onnx.ModelProto:
    width = getattr(model, "n_features_in_", None)
    if width is None:
        raise InvalidInput("the model has no n_features_in_; fit it before importing it")
    register_converters()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of the converter
        graph: onnx.ModelProto = to_onnx(
            model,
            initial_types=[("block", FloatTensorType([None, width]))],
            options={id(model): {"zipmap": False}} if is_classifier(model) else None,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    if is_classifier(model):
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


def _exported_by_name(model: Any) -> bool:
    return _takes_text(model) or _takes_names(model)


def _takes_names(model: Any) -> bool:
    return isinstance(_first(model), ColumnTransformer)


def _takes_text(model: Any) -> bool:
    return isinstance(_first(model), CountVectorizer)


def _only_text(schema: FeatureSchema) -> str:
    if len(schema.texts) != 1:
        raise InvalidInput(
            "the model takes one text column; the use case has "
            f"{', '.join(schema.texts) or 'none'}; put the vectoriser into a ColumnTransformer "
            "that names its column"
        )
    return schema.texts[0]


def _pipeline(model: Any) -> Pipeline:
    return model if isinstance(model, Pipeline) else Pipeline([("model", model)])
