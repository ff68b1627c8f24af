"""Calibrated drift: is a stream of windows different from its baseline, at a stated error rate?"""

from evaluation.drift.blocks import BlockCounts, design_effect, pooled_design_effect
from evaluation.drift.discoveries import e_benjamini_hochberg
from evaluation.drift.events import category_events, events, threshold_events
from evaluation.drift.sequential import LONGEST, SequentialTest
from evaluation.drift.shift import Shift, shift_evidence

__all__ = [
    "LONGEST",
    "BlockCounts",
    "SequentialTest",
    "Shift",
    "category_events",
    "design_effect",
    "e_benjamini_hochberg",
    "events",
    "pooled_design_effect",
    "shift_evidence",
    "threshold_events",
]
