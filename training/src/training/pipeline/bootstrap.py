"""Where the commands of training choose what runs the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_core.errors import ConfigurationError
from training.bootstrap import TrainingServices
from training.pipeline.local import LocalRunner
from training.pipeline.runner import PipelineRunner

if TYPE_CHECKING:
    from training.pipeline.cluster import ClusterRunner


def runner(services: TrainingServices) -> PipelineRunner:
    """Return the Kubeflow server where one is named, else this machine."""
    return kubeflow(services) if services.settings.kfp_endpoint else here(services)


def here(services: TrainingServices) -> LocalRunner:
    """Return the runner of this machine."""
    return LocalRunner(services.settings.platform_home, services.store)


def kubeflow(services: TrainingServices) -> ClusterRunner:
    """Return the Kubeflow server.

    Raises:
        ConfigurationError: none is named.
    """
    from training.pipeline.cluster import ClusterRunner

    settings = services.settings
    if not settings.kfp_endpoint:
        raise ConfigurationError("KFP_ENDPOINT is not set; set it to the URL of Kubeflow Pipelines")
    endpoint = settings.kfp_endpoint.rstrip("/")
    return ClusterRunner(
        endpoint, settings.training_image, services.store, settings.kfp_poll_seconds
    )
