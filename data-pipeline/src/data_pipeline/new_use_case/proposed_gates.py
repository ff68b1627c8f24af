"""The gates of a new use case, from the score of a plain model on its data."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from data_pipeline.new_use_case.label import LabelPlan
from evaluation import LabelledPredictions, NumberPredictions, Predictions, prediction_metrics
from platform_core.contracts.tasks import Metric, Task
from use_cases import FeatureSchema, UseCase

ROWS, FOLDS, TERMS = 4_000, 3, 20_000
SLACK = 0.05
"""How far a gate is below the plain model's score, which varies with rows and folds."""
METRICS: dict[Task, Metric] = {
    "binary": "roc_auc",
    "multiclass": "f1_macro",
    "regression": "r2",
}
CHANCE: dict[Task, float] = {"binary": 0.5, "multiclass": 0.0, "regression": 0.0}


@dataclass(frozen=True)
class ProposedGates:
    """The gates, and the reason for their limits."""

    gates: tuple[str, ...]
    why: str


def propose_gates(
    case: UseCase, label: LabelPlan, records: pa.RecordBatch, labels: pa.Array
) -> ProposedGates:
    """Return gates a little below what a linear model reaches in cross-validation on up to
    `ROWS` of the N records; `labels` are classes (string [N]) or numbers.
    """
    chosen = np.random.default_rng(0).permutation(len(labels))[:ROWS]
    frame = case.feature_schema.frame(case.features(records.take(pa.array(chosen))))
    truth = labels.take(pa.array(chosen))
    model = _model(case.feature_schema, label.task)
    metric = METRICS[label.task]
    value = prediction_metrics(_predictions(case, model, frame, truth))[metric]
    chance = CHANCE[label.task]
    limit = max(chance, math.floor((value - SLACK) * 100) / 100)
    what = "linear regression" if label.task == "regression" else "logistic regression"
    why = f"a plain {what} reaches {metric} {value:.3f} in {FOLDS}-fold cross-validation"
    if value < chance + 2 * SLACK:
        why += "; the columns say little about the label"
    return ProposedGates((f"{metric} >= {limit:g}",), why)


def _predictions(case: UseCase, model: Pipeline, frame: object, labels: pa.Array) -> Predictions:
    if not case.classes:
        numbers = labels.to_numpy(zero_copy_only=False).astype(np.float64)
        predicted = cross_val_predict(model, frame, numbers, cv=FOLDS)
        return NumberPredictions(numbers, predicted, predicted, predicted)
    places = np.array([case.classes.index(name) for name in labels.to_pylist()])
    probabilities = cross_val_predict(model, frame, places, cv=FOLDS, method="predict_proba")
    positive = None if case.positive is None else case.classes.index(case.positive)
    return LabelledPredictions(places, probabilities.argmax(axis=1), probabilities, positive)


def _model(schema: FeatureSchema, task: Task) -> Pipeline:
    texts = [
        (text, TfidfVectorizer(lowercase=False, binary=True, max_features=TERMS), text)
        for text in schema.texts
    ]
    columns = ColumnTransformer([*texts, ("numbers", StandardScaler(), list(schema.numbers))])
    linear = Ridge() if task == "regression" else LogisticRegression(max_iter=500)
    return make_pipeline(columns, linear)
