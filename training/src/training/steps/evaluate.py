"""Evaluate: how good the best model is on rows it never saw."""

import numpy as np
import pyarrow as pa
from sklearn.metrics import confusion_matrix, roc_curve

from data_pipeline import TEST
from data_pipeline.stored import read_features
from platform_core.parquet import table_bytes
from training.card.evaluation import evaluate_answers, stored_probabilities
from training.card.slices import slices_of_test_part
from training.results import EvaluationResult, FeaturesResult, RocCurve, TrainResult
from training.search.models import load_model, probabilities
from training.steps.context import StepContext
from use_cases import UseCase

MAX_ROC_POINTS = 200


def run(context: StepContext, features: FeaturesResult, model: TrainResult) -> EvaluationResult:
    """Measure the model on the test part, in all and by slice."""
    case, store, version = context.case, context.store, features.dataset_version
    test = read_features(store, case, version, TEST)
    answers = probabilities(case, load_model(store, model.model_path), test)
    kinds = slices_of_test_part(store, case, version)
    found = evaluate_answers(case, test, answers, model.decision, kinds, model.seed)
    return EvaluationResult(
        metrics=found.metrics,
        slices=tuple(found.slices),
        classes=tuple(case.classes),
        confusion=_confusion(case, found.answers),
        roc=_roc_curve(case, found.answers),
        answers_path=context.write("answers.parquet", table_bytes(found.answers)),
    )


def _confusion(case: UseCase, answers: pa.Table) -> tuple[tuple[int, ...], ...]:
    labels, predictions = (answers[name].to_pylist() for name in ("label", "prediction"))
    counts = confusion_matrix(labels, predictions, labels=list(case.classes))
    return tuple(tuple(int(count) for count in row) for row in counts)


def _roc_curve(case: UseCase, answers: pa.Table) -> RocCurve | None:
    """Return at most `MAX_ROC_POINTS` points of the curve of the positive class."""
    if case.positive is None:
        return None
    scores = stored_probabilities(case, answers)[:, case.classes.index(case.positive)]
    labels = np.asarray(answers["label"].to_pylist()) == case.positive
    false_positives, true_positives, thresholds = roc_curve(labels, scores)
    points = np.linspace(0, len(thresholds) - 1, min(len(thresholds), MAX_ROC_POINTS)).astype(int)
    # The first threshold is infinite: no row is above it.
    finite = np.minimum(thresholds, 1.0)
    return RocCurve(
        false_positive_rate=tuple(false_positives[points].tolist()),
        true_positive_rate=tuple(true_positives[points].tolist()),
        thresholds=tuple(finite[points].tolist()),
    )
