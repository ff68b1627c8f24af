"""Rows of several sources: leave-one-source-out folds, and weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import CLUSTER, LABEL, SOURCE
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
    """Return the row numbers to fit and to evaluate on: each fold holds out one source. There are
    no folds if fewer than two sources have rows of every class.

    A source that lacks a class is held out together with another one. Near duplicates of held-out
    rows are not used for fitting.
    """
    if ORIGIN not in features.column_names:
        return []
    origins, labels = (np.asarray(features[name].to_pylist()) for name in (ORIGIN, LABEL))
    groups = _groups(case, origins, labels)
    folds = [held_out(features, np.isin(origins, group)) for group in groups]
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


def held_out(features: pa.Table, judged: np.ndarray) -> Fold:
    """Return the fold that judges the rows of a mask [N]; near duplicates of them are not fitted
    on.
    """
    clusters = features[CLUSTER].combine_chunks()
    seen = clusters.filter(pa.array(judged)).drop_null()
    near = pc.is_in(clusters, value_set=seen).to_numpy(zero_copy_only=False)
    return np.flatnonzero(~judged & ~near), np.flatnonzero(judged)
