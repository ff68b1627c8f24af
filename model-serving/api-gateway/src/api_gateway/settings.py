"""The settings of the gateway; the README explains every key."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.settings import Settings
from records import SegmentLimits


class GatewaySettings(Settings):
    """Address, API keys, limits, time-outs, and the spool of the inference log."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8000, ge=0, le=65535)
    default_use_case: str = DEFAULT_USE_CASE

    api_keys_file: Path | None = None
    allow_development_keys: bool = False
    rate_limit: str = "6000/minute"
    quota: str | None = None
    body_timeout_seconds: float = Field(default=10.0, gt=0)
    head_timeout_seconds: float = Field(default=10.0, gt=0)
    max_connections: int = Field(default=16384, gt=0)
    max_in_flight: int = Field(default=128, gt=0)

    upstream_timeout_seconds: float = Field(default=5.0, gt=0)
    upstream_connections: int = Field(default=256, gt=0)
    circuit_failures: int = Field(default=5, gt=0)
    circuit_seconds: float = Field(default=5.0, gt=0)

    spool_folder: Path
    spool_segment_records: int = Field(default=5000, gt=0)
    spool_segment_seconds: float = Field(default=60.0, gt=0)
    spool_segment_bytes: int = Field(default=64 << 20, gt=0)
    spool_trial_seconds: float = Field(default=5.0, gt=0)
    answer_unlogged: bool = False
    shadow_queue_records: int = Field(default=1000, gt=0)

    record_index_file: Path
    record_index_seconds: float = Field(default=0.0, ge=0)
    record_search_text: bool = False

    batch_supervise_seconds: float = Field(default=10.0, gt=0)
    batch_max_attempts: int = Field(default=5, ge=1)
    batch_file_bytes: int = Field(default=5 << 30, gt=0)
    batch_file_quota_bytes: int = Field(default=50 << 30, gt=0)

    refresh_seconds: float = Field(default=5.0, gt=0)
    shutdown_seconds: float = Field(default=25.0, gt=0)

    @property
    def segment_limits(self) -> SegmentLimits:
        """When a segment of the inference log is sealed."""
        age = timedelta(seconds=self.spool_segment_seconds)
        return SegmentLimits(self.spool_segment_records, age, self.spool_segment_bytes)
