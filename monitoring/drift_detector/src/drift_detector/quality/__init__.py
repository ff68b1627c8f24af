"""Quality reports: is the model worse? From labels, and estimated where they are missing."""

from drift_detector.quality.gates import estimated_quality

__all__ = ["estimated_quality"]
