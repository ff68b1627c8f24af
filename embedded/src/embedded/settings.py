"""Settings of the laptop stack, and the environment its programs get."""

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

OF_THE_MACHINE = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What programs get to know of the user's own environment."""

Port = Field(ge=1, le=65535)


class EmbeddedSettings(RegistrySettings, RaySettings, ServingSettings, GatewayClientSettings):
    """Where the stack lives and listens; the URLs of the servers say on which ports.

    `platform_home` keeps all state, `platform_root` is the checkout, `platform_config` the
    file whose keys are handed to the programs.
    """

    platform_home: Path
    platform_root: Path
    platform_config: Path
    embedded_staging_grpc_port: int = Port
    embedded_production_grpc_port: int = Port
    embedded_ray_client_port: int = Port
    embedded_ray_agent_port: int = Port
    embedded_ray_object_store_bytes: int = Field(default=500_000_000, ge=80_000_000)
    embedded_start_seconds: float = Field(default=300, gt=0)


def program_environment(config: Path, python_folder: Path) -> dict[str, str]:
    """Return what every program gets: the settings of `config` and hardly anything else.

    The values are this process's own, which `dotenv run` has filled in; `python_folder` comes
    first on PATH.
    """
    names = [*dotenv_values(config, interpolate=False), *OF_THE_MACHINE]
    values = {name: os.environ[name] for name in names if name in os.environ}
    path = os.pathsep.join([str(python_folder), os.environ.get("PATH", os.defpath)])
    return {**values, "PATH": path, "PYTHONUNBUFFERED": "1"}
