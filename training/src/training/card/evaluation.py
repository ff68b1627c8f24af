"""The evaluation of a model on the test split: metrics with intervals, slices, and the answers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evaluation import (
    LabelledPredictions,
    NumberPredictions,
    Predictions,
    SliceMetrics,
    bootstrap_intervals,
    calibration_targets,
    expected_calibration_error,
    prediction_metrics,
    slice_metric_names,
    slice_metrics,
)
from platform_core.contracts.release import Rule
from platform_core.contracts.tasks import INTERVAL_ENDS
from training.search.answers import labelled_answers
from use_cases import UseCase

LOW, HIGH = "_low", "_high"
PROBABILITY = "probability."


@dataclass(frozen=True)
class Evaluation:
    """`answers`: `row_id`, `label`, `cluster`, `prediction` and `probability.<class>` (for
    regression, `interval.low` and `interval.high`) of N rows;
    `metrics` by name, with the ends of their 95 % intervals as `<name>_low` and `<name>_high`.
    """

    answers: pa.Table
    metrics: dict[str, float]
    slices: list[SliceMetrics]


def evaluate_answers(
    case: UseCase,
    rows: pa.Table,
    answers: np.ndarray,
    rule: Rule,
    kinds: pa.RecordBatch,
    seed: int,
) -> Evaluation:
    """Evaluate the `answers` (see `search.models.answers`) to N `rows` (`row_id`, `label`,
    `cluster`) under `rule`.

    `kinds` has a column of slices each (see `UseCase.slices`).
    """
    labels, clusters = rows["label"].combine_chunks(), rows["cluster"].combine_chunks()
    labelled = labelled_answers(case, labels, answers, rule)
    metrics = prediction_metrics(labelled)
    if isinstance(labelled, LabelledPredictions):
        targets = calibration_targets(labelled)
        metrics["calibration_error"] = expected_calibration_error(*targets)
    for name, interval in bootstrap_intervals(labelled, clusters, seed).items():
        metrics |= {f"{name}{LOW}": interval.low, f"{name}{HIGH}": interval.high}
    slices = slice_metrics(
        labelled, clusters, kinds, slice_metric_names(case.training().metric), seed
    )
    table = rows.select(["row_id", "label", "cluster"])
    for name, column in _answer_columns(case, labelled):
        table = table.append_column(name, column)
    return Evaluation(table, metrics, slices)


def labelled_predictions(case: UseCase, answers: pa.Table) -> Predictions:
    """Return the predictions that `Evaluation.answers` hold."""
    labels, predictions = (answers[name].combine_chunks() for name in ("label", "prediction"))
    names = [f"{PROBABILITY}{name}" for name in case.classes] or INTERVAL_ENDS
    numbers = np.stack([answers[name].to_numpy() for name in names], axis=1)
    if not case.classes:
        return NumberPredictions.from_arrow(labels, predictions, numbers)
    return LabelledPredictions.from_arrow(case.classes, case.positive, labels, numbers, predictions)


def _answer_columns(case: UseCase, rows: Predictions) -> Iterator[tuple[str, pa.Array]]:
    if isinstance(rows, NumberPredictions):
        yield "prediction", pa.array(rows.predictions)
        yield from zip(INTERVAL_ENDS, map(pa.array, (rows.low, rows.high)), strict=True)
        return
    yield "prediction", pa.array([case.classes[n] for n in rows.predictions], pa.string())
    for name, column in zip(case.classes, rows.probabilities.T, strict=True):
        yield f"{PROBABILITY}{name}", pa.array(column)
