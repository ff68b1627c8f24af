"""Settings of the release controller."""

from pathlib import Path

from pydantic import Field

from releases.settings import ReleaseSettings


class ControllerSettings(ReleaseSettings):
    """README.md explains each setting."""

    controller_host: str = "127.0.0.1"
    controller_port: int = Field(default=8070, gt=0)
    controller_interval_seconds: float = Field(default=0.2, gt=0)
    controller_reconcile_seconds: float = Field(default=5.0, gt=0)
    controller_judge_seconds: float = Field(default=5.0, gt=0)
    controller_policy_seconds: float = Field(default=60.0, gt=0)
    policy_folder: Path
    drift_window_minutes: int = Field(default=60, gt=0)
