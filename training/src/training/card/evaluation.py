"""The evaluation of a model on the test part: metrics with intervals, slices, and the answers."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evaluation import (
    LabelledPredictions,
    SliceMetrics,
    bootstrap_intervals,
    calibration_targets,
    expected_calibration_error,
    prediction_metrics,
    slice_metric_names,
    slice_metrics,
)
from platform_core.contracts.release import DecisionRule
from scoring.decision import decide
from use_cases import UseCase

LOW, HIGH = "_low", "_high"
PROBABILITY = "probability."


@dataclass(frozen=True)
class Evaluation:
    """`answers`: `row_id`, `label`, `cluster`, `prediction` and `probability.<class>` of N rows;
    `metrics` by name, with the ends of their 95 % intervals as `<name>_low` and `<name>_high`.
    """

    answers: pa.Table
    metrics: dict[str, float]
    slices: list[SliceMetrics]


def evaluate_answers(
    case: UseCase,
    rows: pa.Table,
    probabilities: np.ndarray,
    decision: DecisionRule,
    kinds: pa.RecordBatch,
    seed: int,
) -> Evaluation:
    """Evaluate `probabilities` [N, C] of N `rows` (`row_id`, `label`, `cluster`) under `decision`.

    `kinds` has a column of slices each (see `UseCase.slices`).
    """
    predictions = decide(decision, case.classes, probabilities)
    labels, clusters = rows["label"].combine_chunks(), rows["cluster"].combine_chunks()
    labelled = LabelledPredictions.from_arrow(
        case.classes, case.positive, labels, probabilities, predictions
    )
    metrics = prediction_metrics(labelled)
    metrics["calibration_error"] = expected_calibration_error(*calibration_targets(labelled))
    for name, interval in bootstrap_intervals(labelled, clusters, seed).items():
        metrics |= {f"{name}{LOW}": interval.low, f"{name}{HIGH}": interval.high}
    answers = rows.select(["row_id", "label", "cluster"]).append_column("prediction", predictions)
    slices = slice_metrics(
        labelled, clusters, kinds, slice_metric_names(case.training().metric), seed
    )
    for name, column in zip(case.classes, probabilities.T, strict=True):
        answers = answers.append_column(f"{PROBABILITY}{name}", pa.array(column))
    return Evaluation(answers, metrics, slices)


def labelled_predictions(case: UseCase, answers: pa.Table) -> LabelledPredictions:
    """Return the predictions that `Evaluation.answers` hold."""
    columns = [answers[f"{PROBABILITY}{name}"].to_numpy() for name in case.classes]
    labels, predictions = (answers[name].combine_chunks() for name in ("label", "prediction"))
    return LabelledPredictions.from_arrow(
        case.classes, case.positive, labels, np.stack(columns, axis=1), predictions
    )
