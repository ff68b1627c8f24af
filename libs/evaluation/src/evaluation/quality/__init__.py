"""Quality of live predictions: from labels, and from probabilities where labels are missing."""

from evaluation.quality.calibrators import (
    CalibrationWindow,
    ClassCalibrator,
    class_cells,
    mean_logits,
)
from evaluation.quality.classes import (
    MIN_CALIBRATION_ROWS,
    MIN_TRIALS,
    ClassWindow,
    class_quality,
)
from evaluation.quality.functionals import ClassScores, class_functional, measurable_metrics
from evaluation.quality.powered import PoweredMean, powered_mean
from evaluation.quality.residuals import (
    NUMBER_METRICS,
    ErrorModel,
    NumberWindow,
    number_cells,
    number_quality,
)
from evaluation.quality.shares import effective_trials, share_interval

__all__ = [
    "MIN_CALIBRATION_ROWS",
    "MIN_TRIALS",
    "NUMBER_METRICS",
    "CalibrationWindow",
    "ClassCalibrator",
    "ClassScores",
    "ClassWindow",
    "ErrorModel",
    "NumberWindow",
    "PoweredMean",
    "class_cells",
    "class_functional",
    "class_quality",
    "effective_trials",
    "mean_logits",
    "measurable_metrics",
    "number_cells",
    "number_quality",
    "powered_mean",
    "share_interval",
]
