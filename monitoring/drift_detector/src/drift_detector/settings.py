"""Settings of the drift detector."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl

from evaluation.drift import SequentialTest
from platform_core.settings import GatewayClientSettings, StorageSettings

Share = Annotated[float, Field(ge=0, le=1)]


class DriftSettings(StorageSettings, GatewayClientSettings):
    """README.md explains each setting."""

    drift_window_minutes: int = Field(default=60, gt=0)
    drift_interval_minutes: int = Field(default=60, gt=0)
    drift_revise_hours: int = Field(default=24, ge=0)
    drift_min_rows: int = Field(default=200, gt=0)
    drift_psi_warning: float = Field(default=0.1, gt=0)
    drift_psi_drift: float = Field(default=0.2, gt=0)
    drift_alpha: float = Field(default=0.01, gt=0, lt=1)
    drift_tolerance: float = Field(default=0.02, gt=0, lt=0.5)
    drift_false_alarm_rate: float = Field(default=0.05, gt=0, lt=1)
    drift_looks: int = Field(default=720, gt=0)
    drift_min_columns: int = Field(default=1, gt=0)
    drift_max_class_share: Share = 0.9
    drift_dominant_class_share: Share = 0.7
    drift_dominant_class_rows: int = Field(default=50, gt=0)
    drift_dominant_class_minutes: int = Field(default=15, gt=0)
    drift_max_missing_increase: Share = 0.1
    drift_pages: bool = True
    drift_page_rows: int = Field(default=2000, gt=0)
    policy_folder: Path
    drift_webhook_url: HttpUrl | None = None
    drift_webhook_timeout_seconds: float = Field(default=5, gt=0)
    drift_flush_timeout_seconds: float = Field(default=30, gt=0)
    quality_calibration_rows: int = Field(default=1000, gt=0)

    @property
    def sequential_test(self) -> SequentialTest:
        """The test that decides whether a release has drifted."""
        return SequentialTest(
            alpha=self.drift_false_alarm_rate,
            tolerance=self.drift_tolerance,
            looks=self.drift_looks,
        )
