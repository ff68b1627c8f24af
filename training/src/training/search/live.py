"""Labelled live records in training: what they count for, and the threshold that suits them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from sklearn.model_selection import StratifiedGroupKFold

from data_pipeline.columns import CLUSTER, LABEL, ROW_ID
from training.search.fitting import answer_fold
from training.search.folds import FOLDS, groups
from training.search.sources import WEIGHT, held_out
from training.search.threshold import Decision, threshold_decision
from training.search.trials import Fold, Trial
from use_cases import UseCase

LIVE = "live"
ROWS = "labelled live records outside the fold's fit"
MIN_ROWS, MIN_ROWS_OF_CLASS = 200, 20


def with_live_rows(features: pa.Table, live: pa.Array, weight: float) -> pa.Table:
    """Return `features` with `live`, which rows are labelled live records, and a `weight` that is
    `weight` times as high for them.

    `live` holds their `row_id`. Without such rows nothing is added.
    """
    found = pc.is_in(features[ROW_ID], value_set=live.drop_null())
    if not pc.any(found).as_py():
        return features
    features = features.append_column(LIVE, found)
    if weight == 1:
        return features
    factor = pc.if_else(found, weight, 1.0)
    if WEIGHT not in features.column_names:
        return features.append_column(WEIGHT, factor)
    place = features.column_names.index(WEIGHT)
    return features.set_column(place, WEIGHT, pc.multiply(features[WEIGHT], factor))


def live_decision(case: UseCase, features: pa.Table, trial: Trial, seed: int) -> Decision | None:
    """Return the decision of a trial for mail, customers or texts like the labelled live records.

    Each of them is answered by a model that was fitted on the other rows, without its near
    duplicates, and `live_threshold` of the use case chooses on these answers. The folds of the
    search would not do: they hold out whole topics or sources, whose scores say little about
    records like those that were fitted on. `None` without a `live_threshold`, or where there are
    fewer than 200 live records, fewer than 20 of a class, or too few that are not near duplicates.
    Needs a connected Ray.
    """
    wanted = case.training().live_threshold
    if wanted is None or LIVE not in features.column_names:
        return None
    live = features[LIVE].to_numpy()
    labels = np.asarray(features[LABEL].to_pylist())
    counts = [int((labels[live] == name).sum()) for name in case.classes]
    if live.sum() < MIN_ROWS or min(counts) < MIN_ROWS_OF_CLASS:
        return None
    folds = list(_folds(features, live, labels, seed))
    if not folds:
        return None
    shared = ray.put(features)
    tasks = [answer_fold.remote(case.name, shared, fold, trial, seed, False) for fold in folds]
    answers = np.empty((len(labels), len(case.classes)))
    for (_, judged), answered in zip(folds, ray.get(tasks), strict=True):
        answers[judged] = answered.values
    return threshold_decision(case, wanted, labels[live], answers[live], ROWS)


def _folds(features: pa.Table, live: np.ndarray, labels: np.ndarray, seed: int) -> Iterator[Fold]:
    rows = np.flatnonzero(live)
    together = groups(features[CLUSTER].take(pa.array(rows)))
    if len(np.unique(together)) < FOLDS:
        return
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for _, judged in splitter.split(rows, labels[rows], together):
        mask = np.zeros(len(labels), bool)
        mask[rows[judged]] = True
        yield held_out(features, mask)
