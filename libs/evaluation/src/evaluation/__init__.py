"""Evaluation statistics: pure functions on NumPy and Arrow arrays."""

from evaluation.calibration import (
    CalibrationBin,
    calibration_curve,
    calibration_targets,
    expected_calibration_error,
)
from evaluation.candidates import unseen_rows, within_one_standard_error
from evaluation.conformal import calibration_rows_needed, conformal_widths
from evaluation.curves import average_precision, roc_auc, threshold_counts
from evaluation.intervals import Interval, bootstrap_intervals, resample_count
from evaluation.metrics import (
    Predictions,
    prediction_metrics,
    require_metric,
    weighted_metrics,
)
from evaluation.numbers import NumberPredictions
from evaluation.predictions import LabelledPredictions
from evaluation.slices import (
    MetricEstimate,
    SliceMetrics,
    largest_slices,
    slice_metric_names,
    slice_metrics,
)
from evaluation.thresholds import (
    threshold_at_false_positive_rate,
    threshold_of_best_f1,
    threshold_of_lowest_cost,
)

__all__ = [
    "CalibrationBin",
    "Interval",
    "LabelledPredictions",
    "MetricEstimate",
    "NumberPredictions",
    "Predictions",
    "SliceMetrics",
    "average_precision",
    "bootstrap_intervals",
    "calibration_curve",
    "calibration_rows_needed",
    "calibration_targets",
    "conformal_widths",
    "expected_calibration_error",
    "largest_slices",
    "prediction_metrics",
    "require_metric",
    "resample_count",
    "roc_auc",
    "slice_metric_names",
    "slice_metrics",
    "threshold_at_false_positive_rate",
    "threshold_counts",
    "threshold_of_best_f1",
    "threshold_of_lowest_cost",
    "unseen_rows",
    "weighted_metrics",
    "within_one_standard_error",
]
