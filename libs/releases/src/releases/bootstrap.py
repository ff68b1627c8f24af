"""The composition root: from settings to the service, the only place that names adapters."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.errors import ConfigurationError
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from releases.changes import ReleaseService
from releases.deployers import Deployer
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
    smoke = GatewaySmoke(
        settings.gateway_url, settings.gateway_api_key, settings.smoke_patience_seconds
    )
    service = ReleaseService(store, registry, deployer(settings, store), smoke, ledger)
    return Releases(service, Listing(store, registry, ledger))


def deployer(settings: ReleaseSettings, store: BlobStore) -> Deployer:
    """Return the deployer that the scheme of `deployer_url` names."""
    schemes = {"file": _embedded, "kserve": _kserve}
    url = urlsplit(settings.deployer_url)
    if url.scheme not in schemes:
        raise ConfigurationError(
            f"DEPLOYER_URL={settings.deployer_url!r} has the scheme {url.scheme!r}; "
            "use file:///folder or kserve://<namespace>"
        )
    return schemes[url.scheme](settings, store)


def _embedded(settings: ReleaseSettings, _: BlobStore) -> Deployer:
    from releases.deployers.embedded import EmbeddedDeployer

    folder = Path(unquote(urlsplit(settings.deployer_url).path))
    return EmbeddedDeployer(folder, settings, settings.deploy_timeout_seconds)


def _kserve(settings: ReleaseSettings, store: BlobStore) -> Deployer:
    from releases.deployers.kserve.connect import kserve_deployer

    return kserve_deployer(settings, store)
