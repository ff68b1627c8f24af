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
    """`deployer_url` says how releases are deployed: `file:///folder` of the pointers that local
    inference services read, or `kserve://<namespace>` of the InferenceServices.

    `kubeconfig` reaches the cluster; in a pod it is not set. `serving_image` names the image of
    the inference service: only those of its repository may be pinned by a release.
    `deploy_timeout_seconds` bounds one deployment, `smoke_patience_seconds` the waiting for a
    gateway that answers 503.
    """

    deployer_url: str
    kubeconfig: Path | None = None
    serving_image: str = ""
    deploy_timeout_seconds: float = Field(default=60.0, gt=0)
    smoke_patience_seconds: float = Field(default=20.0, ge=0)
