"""Connects to the Kubernetes API with a kubeconfig, or as the pod that this runs in."""

from pathlib import Path
from urllib.parse import urlsplit

from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

from platform_core.errors import ConfigurationError
from platform_core.ports.blob_store import BlobStore
from releases.deployers.images import PinnedImages
from releases.deployers.kserve.api import InferenceServiceApi
from releases.deployers.kserve.deployer import KServeDeployer
from releases.deployers.v2 import V2Services
from releases.settings import ReleaseSettings


def api_client(kubeconfig: Path | None) -> ApiClient:
    """Return a client for the current context of `kubeconfig`, or for the cluster of this pod.

    Raises:
        ConfigurationError: the file cannot be used, or there is none and this is not a pod.
    """
    settings = Configuration()
    settings.retries = False  # the callers decide what is retried
    try:
        if kubeconfig:
            load_kube_config(str(kubeconfig), client_configuration=settings)
        else:
            load_incluster_config(client_configuration=settings)
    except (ConfigException, OSError) as error:
        raise ConfigurationError(
            f"the Kubernetes API cannot be reached: {error}; set KUBECONFIG, or run in a pod whose "
            "service account may create InferenceServices"
        ) from error
    return ApiClient(settings)


def kserve_deployer(settings: ReleaseSettings, store: BlobStore) -> KServeDeployer:
    """Return the deployer for the namespace in `deployer_url`."""
    namespace = urlsplit(settings.deployer_url).netloc
    if not namespace:
        raise ConfigurationError(
            f"DEPLOYER_URL={settings.deployer_url!r} names no namespace; use kserve://<namespace>"
        )
    return KServeDeployer(
        InferenceServiceApi(api_client(settings.kubeconfig), namespace),
        V2Services(settings, "look at the pods of the InferenceService"),
        settings.deploy_timeout_seconds,
        PinnedImages(store, settings.serving_image),
    )
