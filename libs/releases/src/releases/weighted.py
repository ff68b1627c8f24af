"""Metrics of many weightings of the same answers at once: what a bootstrap computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from releases.metrics import one_hot
from use_cases import UseCase


@dataclass(frozen=True)
class Answered:
    """N answers, each of K watched classes against the rest: `truth`, `said` and `scores` are
    [N, K]. Where there is a positive class it is the only one watched.
    """

    truth: np.ndarray
    said: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    f1: str

    @classmethod
    def of(
        cls,
        use_case: UseCase,
        labels: pa.Array,
        probabilities: np.ndarray,
        predictions: pa.Array,
    ) -> Answered:
        """Return the answers as `evaluate` looks at them."""
        truth, said = one_hot(use_case, labels), one_hot(use_case, predictions)
        scores = probabilities.astype(np.float64)
        scores = scores / scores.sum(axis=1, keepdims=True)
        watched = slice(None)
        if use_case.positive is not None:
            watched = [use_case.classes.index(use_case.positive)]
        return cls(
            truth=truth[:, watched],
            said=said[:, watched],
            scores=scores[:, watched],
            right=(truth == said).all(axis=1),
            f1="f1_macro" if use_case.positive is None else "f1",
        )


def weighted_metrics(answered: Answered, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return metrics [B], by name, of B weightings [B, N] of the rows.

    A weight of 2 counts a row twice: whole weights give what `evaluate` gives for the rows so
    repeated. NaN stands where the metric does not exist, as a class has no weight.
    """
    each = [_one_class(answered, k, weights) for k in range(answered.truth.shape[1])]
    found = {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}
    found[answered.f1] = found.pop("f1")
    return found | {"accuracy": ratio(weights @ answered.right, weights.sum(axis=1))}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return `part` / `whole`, NaN where `whole` is 0."""
    whole = np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _one_class(answered: Answered, k: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    truth, said = answered.truth[:, k], answered.said[:, k]
    positives, negatives = weights @ truth, weights @ (1 - truth)
    hits, alarms = weights @ (truth * said), weights @ ((1 - truth) * said)
    areas = _areas(truth, answered.scores[:, k], weights)
    exists = (positives > 0) & (negatives > 0)
    f1 = ratio(2 * hits, hits + alarms + positives)
    found = {
        "f1": f1,
        "recall": ratio(hits, positives),
        "false_positive_rate": ratio(alarms, negatives),
        **areas,
    }
    return {name: np.where(exists, values, np.nan) for name, values in found.items()}


def _areas(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the areas below the ROC (ties count half) and, as average precision, below the
    precision-recall curve. Rows are put into descending order of their score once.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    weights, truth = weights[:, order], truth[order]
    # Per distinct score: the weight of positives and of negatives at it, and from the top to it.
    hits = np.add.reduceat(weights * truth, starts, axis=1)
    alarms = np.add.reduceat(weights * (1 - truth), starts, axis=1)
    all_hits, all_alarms = hits.cumsum(axis=1), alarms.cumsum(axis=1)
    positives, negatives = all_hits[:, -1], all_alarms[:, -1]
    above = (alarms * (all_hits - hits / 2)).sum(axis=1)
    precision = ratio(all_hits, all_hits + all_alarms)
    precise = np.where(hits > 0, hits * np.nan_to_num(precision), 0.0).sum(axis=1)
    return {
        "roc_auc": ratio(above, positives * negatives),
        "average_precision": ratio(precise, positives),
    }
