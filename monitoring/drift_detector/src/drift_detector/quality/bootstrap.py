"""Builds the quality job from settings."""

from drift_detector.gateway import gateway_flush
from drift_detector.quality.job import QualityJob
from drift_detector.quality.measure import QualityMeter
from drift_detector.settings import DriftSettings
from platform_core.adapters.connect import blob_store
from platform_core.clock import Clock
from use_cases import InstalledUseCases


def build_quality_job(settings: DriftSettings, clock: Clock) -> QualityJob:
    """Return the job over all installed use cases."""
    return QualityJob(
        meter=QualityMeter(blob_store(settings), clock, settings.quality_calibration_rows),
        use_cases=InstalledUseCases(),
        flush=gateway_flush(settings, settings.drift_flush_timeout_seconds),
    )
