"""Drift detection: compares the traffic of a window with the baseline of the release."""

from drift_detector.detection.detector import DriftDetector, ReleaseReport, Target
from drift_detector.detection.policy import DriftPolicy

__all__ = ["DriftDetector", "DriftPolicy", "ReleaseReport", "Target"]
