"""Composition root: builds the services from settings; the only module that names adapters."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.errors import ConfigurationError
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from releases.catalogue.listing import ReleaseListing
from releases.changes import GatewaySmokeTest, ReleaseService
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.environment_port import EnvironmentDeployer
from releases.settings import ReleaseSettings


@dataclass(frozen=True)
class Releases:
    """The services that the command line uses."""

    service: ReleaseService
    listing: ReleaseListing


def build(settings: ReleaseSettings) -> Releases:
    """Connect to the stores and servers that `settings` name."""
    store = connect.blob_store(settings)
    registry = connect.model_registry(settings)
    ledger = Ledger(store, SystemClock())
    smoke = GatewaySmokeTest(
        settings.gateway_url, settings.gateway_api_key, settings.smoke_patience_seconds
    )
    deploys = deployer(settings, store)
    return Releases(
        ReleaseService(store, registry, deploys, smoke, ledger),
        ReleaseListing(store, registry, ledger),
    )


def deployer(settings: ReleaseSettings, store: BlobStore) -> EnvironmentDeployer:
    """Return the deployer that the scheme of `deployer_url` names; imports happen on use."""
    url = urlsplit(settings.deployer_url)
    if url.scheme == "kserve":
        from releases.deployers.kserve.connect import kserve_deployer

        return kserve_deployer(settings, store)
    if url.scheme == "file":
        folder = Path(unquote(url.path))
        return EmbeddedDeployer(folder, settings, settings.deploy_timeout_seconds)
    raise ConfigurationError(
        f"DEPLOYER_URL={settings.deployer_url!r}: use file:///folder or kserve://<namespace>"
    )
