"""Metrics on sources that models have not seen."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from data_pipeline.columns import LABEL, SOURCE
from evaluation import MetricEstimate, SliceMetrics, prediction_metrics, slice_metric_names
from training.search.answers import labelled_answers
from training.search.calibration import interval_decision
from training.search.sources import ORIGIN, source_folds
from training.search.threshold import choose_decision
from training.search.trials import Fold
from use_cases import UseCase


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
        known = labels[others], answers[others]
        chosen = (
            choose_decision(case, *known) if case.classes else interval_decision(case, *known, "")
        )
        rule = chosen.rule
        for name in np.unique(origins[held_out]).tolist():
            rows = np.flatnonzero(origins == name)
            truth = pa.array(labels[rows])
            metrics = prediction_metrics(labelled_answers(case, truth, answers[rows], rule))
            yield SliceMetrics(
                kind=SOURCE,
                name=name,
                rows=len(rows),
                metrics={m: MetricEstimate(value=metrics[m]) for m in _shown(case) if m in metrics},
            )


def _shown(case: UseCase) -> tuple[str, ...]:
    return (*slice_metric_names(case.training().metric), "roc_auc", "accuracy")
