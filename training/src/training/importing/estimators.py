"""Fitted scikit-learn estimators as ONNX graphs."""

import warnings
from collections.abc import Sequence
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
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from platform_core.errors import InvalidData, InvalidInput
from training.importing.column_names import with_column_names
from training.importing.found import AdaptedModel, Declared, FoundModel
from training.importing.graph_inputs import plain
from training.importing.graph_outputs import class_order
from training.importing.onnx_models import ML_OPSET, OPSET, adapt_graph
from training.search.models import Array, graph_answers
from training.search.parity import largest_difference
from use_cases import FeatureSchema, UseCase, assemble, model_schema
from use_cases.export import export, export_regressor, register_converters

_CALIBRATE = "wrap its classifier in CalibratedClassifierCV, which adds predict_proba"


def adapt_estimator(found: FoundModel, case: UseCase, declared: Declared) -> AdaptedModel:
    """Return the graph of a fitted classifier, for a use case without classes of a regressor.

    An estimator that takes named columns or text is exported like the platform's own candidates.
    Any other takes one block of numbers, in the order of its feature names.

    Raises:
        InvalidData: it was fitted on other columns or classes, cannot be converted, or its graph
            answers the golden records differently.
    """
    model = found.estimator
    _require_fitted(found, case)
    try:
        graph, columns = _graph(found, case, declared)
    except InvalidData:
        raise
    except Exception as error:  # each converter of skl2onnx raises types of its own
        hint = "" if not case.classes or hasattr(model, "predict_proba") else f"; {_CALIBRATE}"
        raise InvalidData(f"{found.source} cannot be converted to ONNX: {error}{hint}") from error
    named = _exported_by_name(model)
    labels = None if not case.classes else tuple(case.classes) if named else _labels(found)
    as_graph = replace(found, estimator=None, graph=graph, columns=columns, labels=labels)
    adapted = adapt_graph(as_graph, case, declared)
    _require_parity(found, case, adapted.graph)
    return replace(adapted, notes=(*_assumed_order(found, case), *adapted.notes))


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


def _require_fitted(found: FoundModel, case: UseCase) -> None:
    """Check that it is a fitted estimator of what the use case predicts."""
    model = found.estimator
    if isinstance(model, type):
        raise InvalidData(f"{found.source} holds the class {model.__name__}, not a fitted model")
    kind = f"{found.source} is a {type(model).__name__}"
    try:
        if not (is_classifier if case.classes else is_regressor)(model):
            needed = "classes: it needs a classifier"
            if not case.classes:
                needed = "numbers: it needs a regressor"
            raise InvalidData(f"{kind}, and {case.name} predicts {needed}")
        check_is_fitted(model)
    except NotFittedError as error:
        raise InvalidData(f"{kind} that is not fitted; fit it before importing it") from error
    except (AttributeError, TypeError) as error:
        raise InvalidData(f"{kind}, which is not an estimator of scikit-learn") from error


def _require_parity(found: FoundModel, case: UseCase, graph: bytes) -> None:
    """Check that the graph answers as the estimator itself does, whose columns may differ."""
    golden = pa.Table.from_batches([assemble(case, case.golden_records())])
    try:
        original = original_answers(found, case, golden)
    except Exception as error:  # of the estimator: scikit-learn, pandas, XGBoost, LightGBM
        raise InvalidData(
            f"{found.source} cannot be run on records of the use case: {error}"
        ) from error
    if original is None:
        return
    largest = largest_difference(case, original, graph_answers(case, graph, golden))
    if not largest <= case.training().gates.parity:
        raise InvalidData(
            f"the ONNX graph of {found.source} answers differently than the model itself, by up to "
            f"{largest:.2g}: the converter does not support all of it; export it to ONNX yourself"
        )


def _assumed_order(found: FoundModel, case: UseCase) -> tuple[str, ...]:
    """Return the assumption about columns by position of a model that does not name its columns."""
    if not _takes_names(found.estimator) or _columns(found) is not None:
        return ()
    return (
        "The model does not name its columns: they were assumed to be "
        f"{', '.join(model_schema(case).names)}, in this order.",
    )


def _graph(
    found: FoundModel, case: UseCase, declared: Declared
) -> tuple[onnx.ModelProto, tuple[str, ...] | None]:
    """Return a graph of the estimator, and the names of its block's columns."""
    model, schema = found.estimator, model_schema(case)
    if case.classes:
        class_order(case, _labels(found))
        named_only = _exported_by_name(model) and not declared.logits
        if named_only and not hasattr(model, "predict_proba"):
            raise InvalidInput(
                f"a model of text or of named columns needs predict_proba; {_CALIBRATE}"
            )
    if _takes_text(model):
        return _exported(found, case, FeatureSchema((_only_text(schema),))), None
    if _takes_names(model):
        strange = [name for name in _columns(found) or () if name not in schema.names]
        if strange:
            raise InvalidInput(
                f"the model was fitted on the columns {', '.join(strange)}, which are not among "
                f"the features of the use case ({', '.join(schema.names)})"
            )
        named = replace(found, estimator=_with_names(model, schema.names))
        return _exported(named, case, schema), schema.numbers
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
            # Some classifiers without probabilities, such as LinearSVC, refuse the option.
            options={id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None,
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
        return frame if hasattr(model, "feature_names_in_") else frame.to_numpy()
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


def _with_names(model: Any, names: Sequence[str]) -> Any:
    """Return a copy of a model whose `ColumnTransformer` selects by name."""
    if not isinstance(model, Pipeline):
        return with_column_names(model, names)
    (step, first), *rest = model.steps
    return Pipeline([(step, with_column_names(first, names)), *rest])


def _pipeline(model: Any) -> Pipeline:
    return model if isinstance(model, Pipeline) else Pipeline([("model", model)])
