"""Sequential comparisons of two releases on live traffic.

Those on held-out rows are in `evaluation.held_out`: programs that only need them do not import
SciPy.
"""

from evaluation.comparison.betting import BoundedValues, lower_limit, upper_limit
from evaluation.comparison.blocks import block_differences
from evaluation.comparison.latency import (
    CANARY_LATENCY,
    SHADOW_LATENCY,
    LatencyRule,
    latency_criteria,
    measured_latency,
    ratio_limits,
)
from evaluation.comparison.levels import ERROR_RATE, Levels
from evaluation.comparison.live import (
    LabelledLosses,
    PairedAnswers,
    ServedAnswers,
    canary_criteria,
    shadow_criteria,
)
from evaluation.comparison.needed import more_records_needed, more_values_needed
from evaluation.comparison.quality import (
    Losses,
    outputs_criterion,
    paired_quality,
    unpaired_quality,
)
from evaluation.comparison.rates import RateCounts, rate_limits
from evaluation.comparison.service import errors_criterion
from evaluation.verdicts import combined_verdict, verdict_of

__all__ = [
    "CANARY_LATENCY",
    "ERROR_RATE",
    "SHADOW_LATENCY",
    "BoundedValues",
    "LabelledLosses",
    "LatencyRule",
    "Levels",
    "Losses",
    "PairedAnswers",
    "RateCounts",
    "ServedAnswers",
    "block_differences",
    "canary_criteria",
    "combined_verdict",
    "errors_criterion",
    "latency_criteria",
    "lower_limit",
    "measured_latency",
    "more_records_needed",
    "more_values_needed",
    "outputs_criterion",
    "paired_quality",
    "rate_limits",
    "ratio_limits",
    "shadow_criteria",
    "unpaired_quality",
    "upper_limit",
    "verdict_of",
]
