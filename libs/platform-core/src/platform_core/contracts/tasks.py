"""The tasks of models, and the metrics of each task.

This is the one list of metric names and of the direction in which each of them is better.
"""

from collections.abc import Mapping
from typing import Literal

Task = Literal["binary", "multiclass", "regression"]
"""One of two classes, one of more classes, or a number."""

Metric = Literal[
    "accuracy",
    "average_precision",
    "f1",
    "f1_macro",
    "false_positive_rate",
    "mae",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
]
"""A metric that may rank candidates and that gates may ask for."""

_CLASSIFICATION: frozenset[Metric] = frozenset(
    ("accuracy", "average_precision", "false_positive_rate", "precision", "recall", "roc_auc")
)
TASK_METRICS: Mapping[Task, frozenset[Metric]] = {
    "binary": _CLASSIFICATION | {"f1", "f1_macro"},
    "multiclass": _CLASSIFICATION | {"f1_macro"},
    "regression": frozenset(("mae", "rmse", "r2")),
}
"""The metrics of each task. `f1` needs a positive class; without one it is `f1_macro`."""

ERROR_METRICS: frozenset[Metric] = frozenset(("false_positive_rate", "mae", "rmse"))
"""Metrics that are better when they are lower."""

INTERVAL_ENDS = ("interval.low", "interval.high")
"""The columns of a predicted number's interval in the inference log and in batch outputs."""


def task_of(classes: int) -> Task:
    """Return the task of a use case with so many classes: none means that it predicts a number.

    Raises:
        ValueError: there is one class.
    """
    if classes == 1:
        raise ValueError("a use case has no class (regression), two classes or more, not one")
    return {0: "regression", 2: "binary"}.get(classes, "multiclass")  # type: ignore[return-value]
