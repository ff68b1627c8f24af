"""Reference distributions of a release, and statistics that compare traffic with them."""

from baseline.build import build_baseline
from baseline.columns import (
    PREDICTION_COLUMN,
    SCORE_COLUMN,
    mark_missing,
    monitored_columns,
    score,
)
from baseline.reference import CategoricalReference, NumericReference, Reference
from baseline.statistics import (
    jensen_shannon,
    ks_p_value,
    ks_statistic,
    ks_two_sample,
    occupied_bins,
    psi,
    psi_critical,
)
from baseline.storage import baseline_bytes, empty_baseline, read_baseline

__all__ = [
    "PREDICTION_COLUMN",
    "SCORE_COLUMN",
    "CategoricalReference",
    "NumericReference",
    "Reference",
    "baseline_bytes",
    "build_baseline",
    "empty_baseline",
    "jensen_shannon",
    "ks_p_value",
    "ks_statistic",
    "ks_two_sample",
    "mark_missing",
    "monitored_columns",
    "occupied_bins",
    "psi",
    "psi_critical",
    "read_baseline",
    "score",
]
