"""How good a release is on labelled rows, computed by scikit-learn.

A metric that the rows cannot support is absent, never 0: with one class in the labels there is
no ROC, without a positive prediction there is no precision.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from sklearn import metrics as sk

from platform_core.errors import InvalidData
from use_cases import UseCase


def evaluate(
    use_case: UseCase, labels: pa.Array, probabilities: np.ndarray, predictions: pa.Array
) -> dict[str, float]:
    """Return the metrics of N answers by name.

    `labels` and `predictions` hold N classes (string), `probabilities` is [N, C] in the order
    of the classes. With a positive class, `f1`, `precision`, `recall`, `roc_auc`,
    `average_precision` and `false_positive_rate` (FP / (FP + TN)) look at it, and `brier` is
    mean((p - y)^2). Without one all of these are means over the classes, each against the rest
    (`f1_macro` instead of `f1`), and `brier` is the mean over rows of sum_c (p_c - y_c)^2
    (Brier 1950, "Verification of forecasts expressed in terms of probability").
    `accuracy`, `log_loss` (natural logarithm) and `rows` are always there when there are rows.

    Raises:
        InvalidData: the lengths differ, or a label is not one of the use case's classes.
    """
    truth = one_hot(use_case, labels)
    answered = one_hot(use_case, predictions)
    if not truth.shape == answered.shape == probabilities.shape:
        raise InvalidData(
            f"{len(truth)} labels, {len(answered)} predictions and probabilities of shape "
            f"{probabilities.shape} do not belong together"
        )
    if not len(truth):
        return {"rows": 0.0}
    scores = probabilities.astype(np.float64)
    scores /= scores.sum(axis=1, keepdims=True)
    found = {
        "rows": float(len(truth)),
        "accuracy": float(sk.accuracy_score(truth.argmax(axis=1), answered.argmax(axis=1))),
        "log_loss": float(sk.log_loss(truth.argmax(axis=1), scores, labels=range(truth.shape[1]))),
    }
    if use_case.positive is None:
        found["brier"] = float(np.square(scores - truth).sum(axis=1).mean())
        rest = _against_the_rest(truth, answered, scores)
        return found | {"f1_macro" if name == "f1" else name: rest[name] for name in rest}
    positive = use_case.classes.index(use_case.positive)
    truth, answered, scores = truth[:, positive], answered[:, positive], scores[:, positive]
    found["brier"] = float(sk.brier_score_loss(truth, scores))
    return found | _against_the_rest(truth, answered, scores)


def chosen(use_case: UseCase, metrics: Mapping[str, float]) -> float:
    """Return the value of the metric that candidates of `use_case` are chosen by.

    Raises:
        InvalidData: the rows could not support it.
    """
    if use_case.training().metric not in metrics:
        raise InvalidData(
            f"{use_case.training().metric} of {use_case.name} cannot be computed on these "
            f"{metrics.get('rows', 0):g} rows: a class is missing; use more labelled data"
        )
    return metrics[use_case.training().metric]


def one_hot(use_case: UseCase, values: pa.Array) -> np.ndarray:
    """Return classes (N strings) as [N, C] of 0 and 1; `InvalidData` for any other value."""
    columns = {name: index for index, name in enumerate(use_case.classes)}
    names = values.to_pylist()
    unknown = sorted({str(name) for name in names if name not in columns})
    if unknown:
        raise InvalidData(
            f"{unknown[:3]} are not classes of {use_case.name}: {', '.join(use_case.classes)}"
        )
    return np.eye(len(columns), dtype=np.int64)[[columns[name] for name in names]]


def _against_the_rest(
    truth: np.ndarray, answered: np.ndarray, scores: np.ndarray
) -> dict[str, float]:
    """Return the metrics that need both 0 and 1 in `truth`: [N], or the mean over K of [N, K]."""
    if truth.min(axis=0).any() or not truth.max(axis=0).all():
        return {}
    average = "binary" if truth.ndim == 1 else "macro"
    false = (answered * (1 - truth)).sum(axis=0)
    found = {
        "f1": sk.f1_score(truth, answered, average=average, zero_division=0),
        "recall": sk.recall_score(truth, answered, average=average),
        "roc_auc": sk.roc_auc_score(truth, scores),
        "average_precision": sk.average_precision_score(truth, scores),
        "false_positive_rate": (false / (1 - truth).sum(axis=0)).mean(),
    }
    if answered.any(axis=0).all():
        found["precision"] = sk.precision_score(truth, answered, average=average)
    return {name: float(value) for name, value in found.items()}
