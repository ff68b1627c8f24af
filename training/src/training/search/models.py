"""Fitted scikit-learn models and exported graphs: their input and their probabilities."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from platform_core.ports.blob_store import BlobStore
from scoring.graph import Graph
from use_cases import Candidate, UseCase, model_schema

Array = np.ndarray[Any, np.dtype[Any]]


def candidate(case: UseCase, name: str) -> Candidate:
    """Return the use case's candidate called `name`."""
    return {c.name: c for c in case.training().candidates()}[name]


def model_input(case: UseCase, features: pa.Table) -> pd.DataFrame:
    """Return the model's input as the frame that candidates take."""
    return model_schema(case).frame(features)


def probabilities(case: UseCase, model: Any, features: pa.Table) -> Array:
    """Return [N, C] float64, the columns in the order of `case.classes`."""
    order = [list(model.classes_).index(name) for name in case.classes]
    answers: Array = model.predict_proba(model_input(case, features))[:, order]
    return answers


def answers(case: UseCase, model: Any, features: pa.Table) -> Array:
    """Return probabilities [N, C] (see `probabilities`), or the numbers [N] of a regression."""
    if case.classes:
        return probabilities(case, model, features)
    numbers: Array = np.asarray(model.predict(model_input(case, features)), np.float64)
    return numbers.reshape(features.num_rows)


def graph_answers(case: UseCase, graph: bytes, features: pa.Table) -> Array:
    """Return [N, C] float32 of an ONNX graph, the columns in the order of `case.classes`, or the
    numbers [N] of a regression.
    """
    return load_graph(case, graph).answers(model_schema(case).select(features))


def load_graph(case: UseCase, graph: bytes) -> Graph:
    """Return a session of an ONNX graph."""
    return Graph(graph, model_schema(case), len(case.classes))


def load_model(store: BlobStore, path: str) -> Any:
    """Return the fitted model that the train step left in the platform's own store."""
    return pickle.loads(store.read(path))  # noqa: S301
