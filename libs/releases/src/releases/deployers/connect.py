"""From settings to a deployer: the scheme of `DEPLOYER_URL` chooses it."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from platform_core.errors import ConfigurationError
from platform_core.ports.blob_store import BlobStore
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.port import Deployer
from releases.settings import ReleaseSettings


def deployer(settings: ReleaseSettings, store: BlobStore) -> Deployer:
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
