"""Settings of `python -m releases`, and of programs that change what is served."""

from pathlib import Path

from pydantic import Field

from platform_core.settings import (
    GatewayClientSettings,
    RegistrySettings,
    ServingSettings,
    StorageSettings,
)


class ReleaseSettings(StorageSettings, RegistrySettings, ServingSettings, GatewayClientSettings):
    """`model_repository` holds the pointers that the embedded inference services read.

    `deploy_timeout_seconds` bounds one deployment, `smoke_patience_seconds` the waiting for a
    gateway that answers 503.
    """

    model_repository: Path
    deploy_timeout_seconds: float = Field(default=60.0, gt=0)
    smoke_patience_seconds: float = Field(default=20.0, ge=0)
