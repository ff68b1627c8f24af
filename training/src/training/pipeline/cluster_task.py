"""What a step gets on a cluster: the settings the pipeline was compiled with, and secrets.

Settings are part of the compiled pipeline, so that other settings are another version of it.
Secrets are named only; the pods read them from Kubernetes. The id of the run comes from the label
that the server gives its pods: as an input of a step it would make every run a new one, and no
step could be cached.
"""

from typing import Any, get_args

from kfp import kubernetes
from kfp.dsl.pipeline_task import PipelineTask
from pydantic import SecretStr, create_model

from data_pipeline.settings import DataSettings
from platform_core.settings import OnlineStoreSettings, RaySettings, Settings
from releases.settings import ReleaseSettings
from training.settings import TrainingSettings

KINDS = (TrainingSettings, DataSettings, ReleaseSettings, OnlineStoreSettings, RaySettings)
# A step does not start runs, reaches its own cluster as a pod, and reads its run from a label.
NOT_OF_STEPS = ("kfp_endpoint", "kfp_poll_seconds", "kubeconfig", "run_id")
RUN_ID_LABEL = "metadata.labels['pipeline/runid']"
SECRETS = {
    "gateway-client": {"api-key": "GATEWAY_API_KEY"},
    "online-store": {"redis-url": "REDIS_URL"},
}
# Only an installation whose blob store needs keys has this secret, with those of its kind.
OPTIONAL_SECRETS = {
    "object-store": {
        "S3_ACCESS_KEY_ID": "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY": "S3_SECRET_ACCESS_KEY",
        "AZURE_STORAGE_KEY": "AZURE_STORAGE_KEY",
    },
}
RAY_TOKEN, RAY_TOKEN_FOLDER = "ray-token", "/var/run/secrets/ray"


def prepare(task: PipelineTask) -> None:
    """Give a task its environment, its secrets and the token of the Ray cluster."""
    _set_environment(task, step_environment())
    kubernetes.use_field_path_as_env(task, "RUN_ID", RUN_ID_LABEL)
    for secret, keys in SECRETS.items():
        kubernetes.use_secret_as_env(task, secret, keys)
    for secret, keys in OPTIONAL_SECRETS.items():
        kubernetes.use_secret_as_env(task, secret, keys, optional=True)
    kubernetes.use_secret_as_volume(task, RAY_TOKEN, RAY_TOKEN_FOLDER)


def _set_environment(task: PipelineTask, environment: dict[str, str]) -> None:
    """Set all variables at once: `set_env_variable` reads the source of the whole call stack each
    time, which takes 0.1 s.

    Raises:
        ValueError: the task is not a container.
    """
    if task.container_spec is None:
        raise ValueError(f"{task.name} is not a container: it has no environment")
    task.container_spec.env = {**(task.container_spec.env or {}), **environment}


def step_environment() -> dict[str, str]:
    """Return the settings of everything that a step runs, without secrets."""
    fields = {name: field for kind in KINDS for name, field in kind.model_fields.items()}
    secret = {n for n, f in fields.items() if SecretStr in (f.annotation, *get_args(f.annotation))}
    given: Any = dict.fromkeys(fields.keys() - secret - {*NOT_OF_STEPS}, (str | None, None))
    values = create_model("StepEnvironment", __base__=Settings, **given)()
    return {
        name.upper(): value for name, value in sorted(values.model_dump(exclude_none=True).items())
    }
