"""Fitted scikit-learn estimators as ONNX graphs."""

import warnings
from collections.abc import Sequence
from typing import Any

import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

import use_cases.export  # noqa: F401  (registers its converters)
from platform_core.errors import InvalidData, InvalidInput
from training.importing.found import AdaptedModel, Declared, FoundModel
from training.importing.graph_outputs import class_order
from training.importing.onnx_models import adapt_graph
from use_cases import FeatureSchema, UseCase, model_schema
from use_cases.export import export, export_regressor

OPSET = {"": 18, "ai.onnx.ml": 3}


def adapt_estimator(found: FoundModel, case: UseCase, declared: Declared) -> AdaptedModel:
    """Return the graph of a fitted estimator.

    One that takes columns by name, or text, is exported like the platform's own candidates. Any
    other takes one block of numbers, in the order in which it names them.

    Raises:
        InvalidData: it was fitted on other columns or classes, or has no conversion.
    """
    estimator, schema = found.estimator, model_schema(case)
    columns = _columns(found)
    try:
        if schema.texts or _takes_names(estimator):
            return AdaptedModel(_exported(estimator, case, schema, columns), ())
        graph = _block_graph(estimator)
    except (InvalidInput, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidData(f"{found.source} cannot be converted to ONNX: {error}") from error
    as_graph = FoundModel(
        found.source,
        found.kind,
        found.sha256,
        graph=graph,
        columns=columns,
        labels=_labels(estimator),
    )
    return adapt_graph(as_graph, case, declared)


def _columns(found: FoundModel) -> tuple[str, ...] | None:
    names = getattr(found.estimator, "feature_names_in_", None)
    return found.columns if names is None else tuple(str(name) for name in names)


def _labels(estimator: Any) -> tuple[str, ...] | None:
    labels = getattr(estimator, "classes_", None) if is_classifier(estimator) else None
    return None if labels is None else tuple(str(label) for label in labels)


def _takes_names(estimator: Any) -> bool:
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    return isinstance(first, ColumnTransformer)


def _exported(
    estimator: Any, case: UseCase, schema: FeatureSchema, columns: Sequence[str] | None
) -> bytes:
    strange = [name for name in columns or () if name not in schema.names]
    if strange:
        raise InvalidData(
            f"the model was fitted on the columns {', '.join(strange)}, which are no features of "
            f"the use case ({', '.join(schema.names)})"
        )
    pipeline = estimator if isinstance(estimator, Pipeline) else Pipeline([("model", estimator)])
    if not case.classes:
        return bytes(export_regressor(pipeline, schema).SerializeToString())
    labels = _labels(estimator) or ()
    order = class_order(case, labels)
    graph = export(pipeline, schema, [labels[position] for position in order])
    return bytes(graph.SerializeToString())


def _block_graph(estimator: Any) -> onnx.ModelProto:
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        raise InvalidData("the model does not say how many columns it takes; it is not fitted")
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, about its own future
        graph: onnx.ModelProto = to_onnx(
            estimator,
            initial_types=[("block", FloatTensorType([None, width]))],
            options=options,
            target_opset=OPSET,
        )
    return graph
