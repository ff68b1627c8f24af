"""From settings to adapters: the scheme of a URL chooses the technology.

Imports happen on use, so that a program needs only the extras of what it connects to.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from platform_core.adapters.feast_repository.quiet_import import import_feast
from platform_core.errors import ConfigurationError
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from platform_core.ports.job_runner import JobRunner
from platform_core.ports.online_store import OnlineStore
from platform_core.ports.registry import ModelRegistry
from platform_core.settings import (
    OnlineStoreSettings,
    RaySettings,
    RegistrySettings,
    StorageSettings,
)


def blob_store(settings: StorageSettings) -> BlobStore:
    """Connect to the store that `blob_store_url` names.

    Raises:
        ConfigurationError: the scheme is unknown.
    """
    schemes = {
        "file": _local_store,
        "az": _azure_store,
        "https": _azure_store,
        "http": _azure_store,
        "s3": _s3_store,
    }
    scheme = urlsplit(settings.blob_store_url).scheme
    if scheme not in schemes:
        raise ConfigurationError(
            f"BLOB_STORE_URL={settings.blob_store_url!r} has the scheme {scheme!r}; "
            "use file:///folder, az://<account>, https://<account>.blob.core.windows.net "
            "or s3://<bucket>"
        )
    return schemes[scheme](settings)


def model_registry(settings: RegistrySettings) -> ModelRegistry:
    """Connect to the MLflow server."""
    from platform_core.adapters.registry.mlflow import MlflowRegistry

    return MlflowRegistry(settings.mlflow_tracking_uri)


def online_store(settings: OnlineStoreSettings) -> OnlineStore:
    """Connect to the Feast online store (SQLite, or Redis when `redis_url` is set)."""
    import_feast()
    from platform_core.adapters.online_store.feast import FeastOnlineStore

    return FeastOnlineStore(settings)


def feature_store(settings: OnlineStoreSettings) -> FeatureStore:
    """Connect to the Feast repository as the data pipeline does, to change it."""
    import_feast()
    from platform_core.adapters.feature_store.feast import FeastFeatureStore

    return FeastFeatureStore(settings)


def job_runner(settings: RaySettings) -> JobRunner:
    """Connect to the Ray cluster's Jobs API.

    Raises:
        ConfigurationError: the file with the cluster's token cannot be read.
    """
    from platform_core.adapters.job_runner.ray_jobs import RayJobRunner

    path = settings.ray_auth_token_path
    try:
        token = path.read_text().strip() if path else None
    except OSError as error:
        raise ConfigurationError(f"RAY_AUTH_TOKEN_PATH={path} cannot be read: {error}") from error
    return RayJobRunner(settings.ray_dashboard_url, token)


def _local_store(settings: StorageSettings) -> BlobStore:
    from platform_core.adapters.blob_store.local import LocalBlobStore

    return LocalBlobStore(Path(unquote(urlsplit(settings.blob_store_url).path)))


def _azure_store(settings: StorageSettings) -> BlobStore:
    from platform_core.adapters.blob_store.azure import AzureBlobStore

    url = settings.blob_store_url
    parts = urlsplit(url)
    if parts.scheme == "az":
        url = f"https://{parts.netloc}.blob.core.windows.net"
    return AzureBlobStore(url, settings.azure_storage_key)


def _s3_store(settings: StorageSettings) -> BlobStore:
    from platform_core.adapters.blob_store.s3 import S3BlobStore

    return S3BlobStore(settings)
