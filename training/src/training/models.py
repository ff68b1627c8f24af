"""Fitted scikit-learn models: their input and their probabilities in the use case's order."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from training.run_folder import MODEL_PICKLE, RunFolder
from use_cases import Candidate, UseCase, model_schema


def candidate(case: UseCase, name: str) -> Candidate:
    """Return the use case's candidate called `name`."""
    return {c.name: c for c in case.training().candidates()}[name]


def model_input(case: UseCase, features: pa.Table) -> pd.DataFrame:
    """Return the model's input as the frame that candidates take."""
    return model_schema(case).frame(features)


def probabilities(case: UseCase, model: Any, features: pa.Table) -> np.ndarray:
    """Return [N, C] float64, the columns in the order of `case.classes`."""
    order = [list(model.classes_).index(name) for name in case.classes]
    return model.predict_proba(model_input(case, features))[:, order]


def load_model(run: RunFolder) -> Any:
    """Return the fitted model that the train step of this run left in the platform's own store."""
    return pickle.loads(run.read(MODEL_PICKLE))  # noqa: S301
