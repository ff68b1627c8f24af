"""Evaluate: how good the best model is on rows it never saw, and its ONNX graph."""

import numpy as np
import pyarrow as pa

from data_pipeline.columns import TEST
from data_pipeline.stored import read_features
from evaluation import LabelledPredictions, Predictions, threshold_counts
from platform_core.parquet import table_bytes
from training.card.evaluation import evaluate_answers, labelled_predictions
from training.card.slices import slices_of_test_part
from training.progress import show
from training.results import EvaluationResult, FeaturesResult, ModelResult, RocCurve, TrainResult
from training.search.models import (
    Array,
    answers,
    candidate,
    graph_answers,
    load_model,
)
from training.search.parity import largest_difference
from training.steps.context import StepContext
from use_cases import UseCase

MAX_ROC_POINTS = 200


def run(context: StepContext, features: FeaturesResult, model: TrainResult) -> EvaluationResult:
    """Measure the model on the test split, in all and by slice, and write it as an ONNX graph, with
    its largest difference from the original's answers over every test row (numbers: relative to
    answers above 1).
    """
    case, store, version = context.case, context.store, features.dataset_version
    test = read_features(store, case, version, TEST)
    fitted = load_model(store, model.model_path)
    original = answers(case, fitted, test)
    graph: bytes = candidate(case, model.candidate).to_onnx(fitted).SerializeToString()
    return measure(context, version, model, graph, original)


def measure(
    context: StepContext,
    version: str,
    model: ModelResult,
    graph: bytes,
    original: Array | None,
) -> EvaluationResult:
    """Measure the answers [N, C], for numbers [N], of an `original` model to the test split of a
    dataset version; `None` takes those of its `graph`, which is then compared with nothing.
    """
    case, store = context.case, context.store
    test = read_features(store, case, version, TEST)
    given = graph_answers(case, graph, test) if original is None else original
    kinds = slices_of_test_part(store, case, version)
    found = evaluate_answers(case, test, given, model.decision, kinds, model.seed)
    labelled = labelled_predictions(case, found.answers)
    return EvaluationResult(
        graph_path=context.write("model.onnx", graph),
        graph_bytes=len(graph),
        largest_difference=(
            None if original is None else _largest_difference(case, graph, test, original)
        ),
        metrics=found.metrics,
        slices=tuple(found.slices),
        classes=tuple(case.classes),
        confusion=_confusion(labelled),
        roc=_roc_curve(labelled),
        answers_path=context.write("answers.parquet", table_bytes(found.answers)),
    )


def _largest_difference(case: UseCase, graph: bytes, test: pa.Table, given: Array) -> float:
    largest = largest_difference(case, given, graph_answers(case, graph, test))
    show(
        f"parity: {test.num_rows} rows, largest difference {largest:.2e}, "
        f"tolerance {case.training().gates.parity:.0e}"
    )
    return largest


def _confusion(rows: Predictions) -> tuple[tuple[int, ...], ...]:
    if not isinstance(rows, LabelledPredictions):
        return ()
    return tuple(tuple(line) for line in rows.confusion().tolist())


def _roc_curve(rows: Predictions) -> RocCurve | None:
    """Return at most `MAX_ROC_POINTS` points of the curve of the positive class."""
    if not isinstance(rows, LabelledPredictions) or rows.positive is None:
        return None
    scores = rows.probabilities[:, rows.positive]
    counts = threshold_counts(rows.labels == rows.positive, scores, np.ones((1, len(rows))))
    true_positives, false_positives = counts.rates()
    # Above a threshold of 1 there is no row.
    thresholds = np.concatenate([[1.0], np.unique(scores)[::-1]])
    points = np.linspace(0, len(thresholds) - 1, min(len(thresholds), MAX_ROC_POINTS)).astype(int)
    return RocCurve(
        false_positive_rate=tuple(false_positives[points].tolist()),
        true_positive_rate=tuple(true_positives[points].tolist()),
        thresholds=tuple(thresholds[points].tolist()),
    )
