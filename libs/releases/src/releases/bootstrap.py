"""The composition root: from settings to the service, the only place that names adapters."""

from dataclasses import dataclass

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.ledger import Ledger
from releases.changes import ReleaseService
from releases.deployers.embedded import EmbeddedDeployer
from releases.listing import Listing
from releases.settings import ReleaseSettings
from releases.smoke import GatewaySmoke


@dataclass(frozen=True)
class Releases:
    """What the command line needs."""

    service: ReleaseService
    listing: Listing


def build(settings: ReleaseSettings) -> Releases:
    """Connect to the stores and servers that `settings` name."""
    store = connect.blob_store(settings)
    registry = connect.model_registry(settings)
    ledger = Ledger(store, SystemClock())
    deployer = EmbeddedDeployer(
        settings.model_repository, settings, settings.deploy_timeout_seconds
    )
    smoke = GatewaySmoke(
        settings.gateway_url, settings.gateway_api_key, settings.smoke_patience_seconds
    )
    service = ReleaseService(store, registry, deployer, smoke, ledger)
    return Releases(service, Listing(store, registry, ledger))
