"""Rows of several sources: leave-one-source-out folds, weights, and figures on unseen sources."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import CLUSTER, LABEL, SOURCE
from evaluation import (
    LabelledPredictions,
    MetricEstimate,
    SliceMetrics,
    prediction_metrics,
    slice_metric_names,
)
from scoring.decision import decide
from training.search.threshold import choose_decision
from training.search.trials import Fold
from use_cases import UseCase

ORIGIN, WEIGHT = "origin", "weight"
OTHER_ROWS = "other rows"
# Sources beyond these are left out together with others.
MAX_FOLDS = 5


def with_origins(
    features: pa.Table, pooled: Sequence[str], weights: Mapping[str, float]
) -> pa.Table:
    """Return `features` with `origin`, the one of the `pooled` sources that each row came from,
    and `weight`, how much it counts in a fit (1 where `weights` does not name its origin).

    Without several sources there is no `origin`, without `weights` no `weight`.
    """
    if not pooled:
        return features
    names = pc.list_element(pc.split_pattern(features[SOURCE], "/", max_splits=1), 0)
    known = pc.is_in(names, pa.array(pooled, pa.string()))
    origins = pc.if_else(known, names, OTHER_ROWS)
    features = features.append_column(ORIGIN, origins)
    if not weights:
        return features
    numbers = [weights.get(name, 1.0) for name in origins.to_pylist()]
    return features.append_column(WEIGHT, pa.array(numbers, pa.float64()))


def source_folds(case: UseCase, features: pa.Table) -> list[Fold]:
    """Return row numbers to fit on and to judge on, with each source judged by models that have
    not seen it; no folds where fewer than two sources have rows of every class.

    A source that lacks a class is left out together with another one. Rows that are near
    duplicates of rows that are judged are not fitted on.
    """
    if ORIGIN not in features.column_names:
        return []
    origins, labels = (np.asarray(features[name].to_pylist()) for name in (ORIGIN, LABEL))
    groups = _groups(case, origins, labels)
    folds = [_fold(features, np.isin(origins, group)) for group in groups]
    complete = all(set(case.classes) <= set(labels[fit].tolist()) for fit, _ in folds)
    return folds if complete and len(folds) > 1 else []


def _groups(case: UseCase, origins: np.ndarray, labels: np.ndarray) -> list[list[str]]:
    """Return the sources that are left out together, each group with rows of every class."""
    names, counts = np.unique(origins, return_counts=True)
    sizes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))
    whole = [n for n in largest if set(case.classes) <= set(labels[origins == n].tolist())]
    groups = [[name] for name in whole[:MAX_FOLDS]]
    for name in largest:
        if groups and [name] not in groups and not any(name in group for group in groups):
            min(groups, key=lambda group: sum(sizes[one] for one in group)).append(name)
    return groups


def _fold(features: pa.Table, judged: np.ndarray) -> Fold:
    clusters = features[CLUSTER].combine_chunks()
    seen = clusters.filter(pa.array(judged)).drop_null()
    near = pc.is_in(clusters, value_set=seen).to_numpy(zero_copy_only=False)
    return np.flatnonzero(~judged & ~near), np.flatnonzero(judged)


def unseen_sources(
    case: UseCase, features: pa.Table, folds: Sequence[Fold], answers: np.ndarray
) -> Iterator[SliceMetrics]:
    """Yield the metrics of each source under out-of-fold `answers` [N, C] of `source_folds`; none
    where `features` have no origins.

    The decision is chosen on the other sources, as it would be if this one were unknown. A
    source without rows of every class has only its accuracy.
    """
    if not source_folds(case, features):
        return
    labels, origins = (np.asarray(features[name].to_pylist()) for name in (LABEL, ORIGIN))
    for _, held_out in folds:
        others = np.setdiff1d(np.arange(len(labels)), held_out)
        rule = choose_decision(case, labels[others], answers[others]).rule
        for name in np.unique(origins[held_out]).tolist():
            rows = np.flatnonzero(origins == name)
            found = decide(rule, case.classes, answers[rows])
            truth = pa.array(labels[rows], pa.string())
            metrics = prediction_metrics(
                LabelledPredictions.from_arrow(
                    case.classes, case.positive, truth, answers[rows], found
                )
            )
            yield SliceMetrics(
                kind=SOURCE,
                name=name,
                rows=len(rows),
                metrics={m: MetricEstimate(value=metrics[m]) for m in _shown(case) if m in metrics},
            )


def _shown(case: UseCase) -> tuple[str, ...]:
    return (*slice_metric_names(case.training().metric), "roc_auc", "accuracy")
