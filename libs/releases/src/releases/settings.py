"""Settings of the programs that change what is served."""

from pathlib import Path

from pydantic import Field

from platform_core.settings import RegistrySettings, ServingSettings, StorageSettings


class LedgerSettings(StorageSettings):
    """`ledger_anchor_url` names the store of the ledger's anchors, by default the blob store, where
    they are in a container other than that of the ledger.
    """

    ledger_anchor_url: str | None = None


class ListingSettings(LedgerSettings, RegistrySettings):
    """What listing releases needs."""


class ReleaseSettings(ListingSettings, ServingSettings):
    """`deployer_url` selects the deployer: `file:///folder` with the pointers that local inference
    services read, or `kserve://<namespace>` with InferenceServices.

    `kubeconfig` gives access to the cluster; in a pod it is not set. `serving_image` names the
    image of the inference service: a release may only be pinned to images of its repository.
    `deploy_timeout_seconds` bounds one deployment, `smoke_patience_seconds` the retries of a smoke
    test while a service does not answer. The previous stable release keeps its service for
    `release_warm_minutes`.
    """

    deployer_url: str
    kubeconfig: Path | None = None
    serving_image: str = ""
    deploy_timeout_seconds: float = Field(default=60.0, gt=0)
    smoke_patience_seconds: float = Field(default=20.0, ge=0)
    release_warm_minutes: float = Field(default=30.0, ge=0)
