"""Settings of the embedded stack, and the environment of its programs."""

import os
from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field

from platform_core.settings import (
    GatewayClientSettings,
    RaySettings,
    RegistrySettings,
    ServingSettings,
)

MACHINE_VARIABLES = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""The variables of the user's environment that programs inherit."""

Port = Field(ge=1, le=65535)


class EmbeddedSettings(RegistrySettings, RaySettings, ServingSettings, GatewayClientSettings):
    """Folders and ports of the stack; the URLs of the servers determine most ports.

    `platform_home` holds all state, `platform_root` is the checkout, `platform_config` the
    file whose keys are passed to the programs, `model_repository` the pointers of the inference
    services.
    """

    platform_home: Path
    platform_root: Path
    platform_config: Path
    model_repository: Path
    controller_port: int = Port
    console_port: int = Port
    scheduler_port: int = Port
    embedded_staging_grpc_port: int = Port
    embedded_staging_candidates_grpc_port: int = Port
    embedded_production_grpc_port: int = Port
    embedded_production_candidates_grpc_port: int = Port
    embedded_ray_client_port: int = Port
    embedded_ray_agent_port: int = Port
    embedded_ray_object_store_bytes: int = Field(default=500_000_000, ge=80_000_000)
    embedded_start_seconds: float = Field(default=300, gt=0)
    embedded_drill_hours: float | None = Field(default=None, gt=0)


def program_environment(config: Path, python_folder: Path) -> dict[str, str]:
    """Return the environment of every program: the keys of `config` and a few of the machine.

    The values are those of this process, which has loaded the file; `python_folder` comes first
    on PATH.
    """
    names = [*dotenv_values(config, interpolate=False), *MACHINE_VARIABLES]
    values = {name: os.environ[name] for name in names if name in os.environ}
    path = os.pathsep.join([str(python_folder), os.environ.get("PATH", os.defpath)])
    return {**values, "PATH": path, "PYTHONUNBUFFERED": "1"}
