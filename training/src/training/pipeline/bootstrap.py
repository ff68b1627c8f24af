"""Where `python -m training` chooses what runs the pipeline."""

from platform_core.errors import ConfigurationError
from training.pipeline.cluster import ClusterRunner
from training.pipeline.local import LocalRunner
from training.pipeline.runner import PipelineRunner
from training.settings import TrainingSettings


def runner(settings: TrainingSettings) -> PipelineRunner:
    """Return the Kubeflow server where one is named, else this machine."""
    return kubeflow(settings) if settings.kfp_endpoint else LocalRunner(settings.platform_home)


def kubeflow(settings: TrainingSettings) -> ClusterRunner:
    """Return the Kubeflow server.

    Raises:
        ConfigurationError: none is named.
    """
    if not settings.kfp_endpoint:
        raise ConfigurationError("KFP_ENDPOINT is not set: name the Kubeflow Pipelines server")
    endpoint = settings.kfp_endpoint.rstrip("/")
    return ClusterRunner(endpoint, settings.training_image, settings.kfp_poll_seconds)
