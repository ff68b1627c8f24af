"""Metrics of classes as functionals of weighted labels, with their influence functions.

The influence of a row that has label c says how much the metric changes when such a row is added:
d metric / d weight, times the total weight. From it follow the variance of the metric (Hampel 1974,
"The influence curve and its role in robust estimation", JASA 69), its change under other
probabilities of the labels, and its correction by rows without a label.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats
from platform_core.contracts.tasks import Metric


@dataclass(frozen=True)
class ClassScores:
    """What a model answered: the `predictions` [N] (class numbers) and `probabilities` [N, C].

    `positive` is the number of the positive class, `None` where all classes count alike.
    """

    predictions: NDArray[np.int64]
    probabilities: Floats
    positive: int | None

    def __len__(self) -> int:
        return len(self.predictions)

    def take(self, rows: NDArray[np.integer]) -> "ClassScores":
        """Return the rows with these numbers, in this order."""
        return ClassScores(self.predictions[rows], self.probabilities[rows], self.positive)

    @property
    def classes(self) -> int:
        """The number of classes C."""
        return int(self.probabilities.shape[1])


@dataclass(frozen=True)
class Functional:
    """The value of a metric and the influence [N, C] of each row for each label it may have.

    `trials` is the weight of the rows that the metric is a share of, e.g. for recall that of the
    positive class; for a mean over classes it is the smallest.
    """

    value: float
    influence: Floats
    trials: float


def class_functional(metric: Metric, scores: ClassScores, weights: Floats) -> Functional | None:
    """Return a metric under `weights` [N, C]: how much of row i counts as a row of label c.

    A labelled row has weight 1 at its label. A row without a label has only zeros: it does not
    count, but its influence is returned. Probabilities as weights give the expected metric. With a
    positive class the metrics describe it, else they are means over the classes. `None` where the
    metric is undefined under these weights.
    """
    if metric == "accuracy":
        hit = np.eye(scores.classes)[scores.predictions]
        return _ratio(hit, np.ones_like(hit), np.ones_like(hit), weights)
    numbers = range(scores.classes) if scores.positive is None else [scores.positive]
    parts = [_ONE_AGAINST_REST[metric](scores, weights, number) for number in numbers]
    return _mean([part for part in parts if part is not None]) if all(parts) else None


def measurable_metrics(positive: int | None) -> tuple[Metric, ...]:
    """Return the metrics of classes that `class_functional` computes."""
    f1: Metric = "f1_macro" if positive is None else "f1"
    return ("accuracy", f1, "precision", "recall", "false_positive_rate", "roc_auc")


def _recall(scores: ClassScores, weights: Floats, number: int) -> Functional | None:
    predicted, truth = _marks(scores, number)
    return _ratio(predicted * truth, truth, truth, weights)


def _precision(scores: ClassScores, weights: Floats, number: int) -> Functional | None:
    predicted, truth = _marks(scores, number)
    return _ratio(predicted * truth, predicted, predicted, weights)


def _false_positive_rate(scores: ClassScores, weights: Floats, number: int) -> Functional | None:
    predicted, truth = _marks(scores, number)
    return _ratio(predicted * (1 - truth), 1 - truth, 1 - truth, weights)


def _f1(scores: ClassScores, weights: Floats, number: int) -> Functional | None:
    """F1 = 2 TP / (2 TP + FP + FN)."""
    predicted, truth = _marks(scores, number)
    return _ratio(2 * predicted * truth, predicted + truth, np.maximum(predicted, truth), weights)


def _roc_auc(scores: ClassScores, weights: Floats, number: int) -> Functional | None:
    """The probability that a row of the class scores higher than another one, ties counting half.

    The influence is the placement of a row among the rows of the other kind (DeLong, DeLong and
    Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves", Biometrics 44).
    """
    inside = weights[:, number]
    outside = weights.sum(axis=1) - inside
    positives, negatives, total = inside.sum(), outside.sum(), weights.sum()
    if positives <= 0 or negatives <= 0:
        return None
    score = scores.probabilities[:, number]
    placed_in = _share_below(score, outside)
    placed_out = _share_below(-score, inside)
    value = float(inside @ placed_in / positives)
    influence = np.empty_like(weights)
    influence[:] = ((placed_out - value) * total / negatives)[:, None]
    influence[:, number] = (placed_in - value) * total / positives
    return Functional(value, influence, float(min(positives, negatives)))


_ONE_AGAINST_REST: dict[str, Callable[[ClassScores, Floats, int], Functional | None]] = {
    "f1": _f1,
    "f1_macro": _f1,
    "false_positive_rate": _false_positive_rate,
    "precision": _precision,
    "recall": _recall,
    "roc_auc": _roc_auc,
}


def _marks(scores: ClassScores, number: int) -> tuple[Floats, Floats]:
    """Return 1 where a row is predicted to be of the class, and 1 at the label of the class, both
    broadcast to [N, C].
    """
    shape = scores.probabilities.shape
    predicted = np.broadcast_to((scores.predictions == number)[:, None], shape).astype(np.float64)
    truth = np.broadcast_to(np.arange(shape[1]) == number, shape).astype(np.float64)
    return predicted, truth


def _ratio(above: Floats, below: Floats, counted: Floats, weights: Floats) -> Functional | None:
    """Return sum(weights * above) / sum(weights * below); all arrays are [N, C]."""
    total, base = weights.sum(), float((weights * below).sum())
    if base <= 0:
        return None
    value = float((weights * above).sum()) / base
    trials = float((weights * counted).sum())
    return Functional(value, (above - value * below) * (total / base), trials)


def _mean(parts: Sequence[Functional]) -> Functional:
    return Functional(
        value=float(np.mean([part.value for part in parts])),
        influence=np.mean([part.influence for part in parts], axis=0),
        trials=min(part.trials for part in parts),
    )


def _share_below(values: Floats, weights: Floats) -> Floats:
    """Return for each of N values the share of `weights` [N] at lower values, half of its ties."""
    distinct, place = np.unique(values, return_inverse=True)
    tied = np.bincount(place, weights=weights, minlength=len(distinct))
    below = np.cumsum(tied) - tied
    return np.asarray((below + tied / 2)[place] / weights.sum())
