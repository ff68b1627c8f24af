"""Metrics of classifications, and of either kind of predictions.

A metric that the rows do not define is absent, never 0: without both labels there is no ROC curve,
and without a positive prediction there is no precision.
"""

from collections.abc import Mapping

import numpy as np

from evaluation.curves import Floats, average_precision, ratio, roc_auc, threshold_counts
from evaluation.numbers import NumberPredictions, weighted_number_metrics
from evaluation.predictions import LabelledPredictions
from platform_core.errors import InvalidData

Predictions = LabelledPredictions | NumberPredictions
"""N predictions with their labels: of a class, or of a number."""


def prediction_metrics(rows: Predictions) -> dict[str, float]:
    """Return the metrics of N rows by name; `rows` is always there.

    For numbers they are those of `weighted_number_metrics`. For classes with a positive one, `f1`,
    `precision`, `recall`, `false_positive_rate`, `roc_auc`, `average_precision` and `brier`
    describe it. Without one, they are means over the classes, each against the rest (`f1_macro`
    instead of `f1`), and `brier` is summed over the classes. `accuracy`, `brier` and `log_loss` are
    there when there are rows.
    """
    if not len(rows):
        return {"rows": 0.0}
    weighted = weighted_metrics(rows, np.ones((1, len(rows))))
    metrics = {name: float(value) for name, (value,) in weighted.items() if not np.isnan(value)}
    scores = {"rows": float(len(rows))}
    if isinstance(rows, LabelledPredictions):
        scores |= {"brier": brier_score(rows), "log_loss": log_loss(rows)}
    return scores | metrics


def require_metric(metrics: Mapping[str, float], name: str) -> float:
    """Return one of the metrics of `prediction_metrics`.

    Raises:
        InvalidData: it is undefined on these rows.
    """
    if name not in metrics:
        raise InvalidData(
            f"{name} is undefined on these {metrics.get('rows', 0):g} rows: a class is missing, or "
            "all labels are the same number; use more labelled data"
        )
    return metrics[name]


def weighted_metrics(rows: Predictions, weights: Floats) -> dict[str, Floats]:
    """Return metrics [B], by name, under B weightings [B, N] of the rows.

    A weight of 2 counts a row twice. NaN stands where a metric is undefined because a class has
    no weight, or because all labels are the same number.
    """
    if isinstance(rows, NumberPredictions):
        return weighted_number_metrics(rows, weights)
    per_class = [_one_against_rest(rows, number, weights) for number in rows.evaluated_classes]
    metrics = {name: np.mean([one[name] for one in per_class], axis=0) for name in per_class[0]}
    if rows.positive is None:
        metrics["f1_macro"] = metrics.pop("f1")
    return metrics | {"accuracy": accuracy(rows, weights)}


def accuracy(rows: LabelledPredictions, weights: Floats) -> Floats:
    """Return the share of correct predictions [B] under weights [B, N]."""
    return ratio(weights @ rows.correct, weights.sum(axis=1))


def brier_score(rows: LabelledPredictions) -> float:
    """Return the mean of (p - y)^2 for the positive class, or of sum_c (p_c - y_c)^2 without one.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", Monthly
    Weather Review 78. The range is [0, 1] with a positive class, else [0, 2].
    """
    truth = np.eye(rows.probabilities.shape[1])[rows.labels]
    errors = np.square(rows.probabilities - truth)[:, rows.evaluated_classes]
    return float(errors.sum(axis=1).mean())


def log_loss(rows: LabelledPredictions) -> float:
    """Return the mean of -ln p(label), with p kept at least one rounding error from 0 and 1."""
    given = rows.probabilities[np.arange(len(rows)), rows.labels]
    smallest = np.finfo(np.float64).eps
    return float(-np.log(np.clip(given, smallest, 1 - smallest)).mean())


def _one_against_rest(rows: LabelledPredictions, number: int, weights: Floats) -> dict[str, Floats]:
    """Return the metrics of one class; all are NaN unless rows inside and outside it have weight.

    `f1` is 2 TP / (2 TP + FP + FN), `precision` TP / (TP + FP), `recall` TP / (TP + FN) and
    `false_positive_rate` FP / (FP + TN).
    """
    truth, predicted = rows.labels == number, rows.predictions == number
    positives, negatives = weights @ truth, weights @ ~truth
    tp, fp = weights @ (truth & predicted), weights @ (~truth & predicted)
    counts = threshold_counts(truth, rows.probabilities[:, number], weights)
    metrics = {
        "f1": ratio(2 * tp, tp + fp + positives),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, positives),
        "false_positive_rate": ratio(fp, negatives),
        "roc_auc": roc_auc(counts),
        "average_precision": average_precision(counts),
    }
    defined = (positives > 0) & (negatives > 0)
    return {name: np.where(defined, values, np.nan) for name, values in metrics.items()}
