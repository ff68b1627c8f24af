"""What a step gets on a cluster: the settings of whoever compiled the pipeline, and secrets.

Settings are part of the compiled pipeline, so that other settings are another version of it.
Secrets are named only; the pods read them from Kubernetes.
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
# A step is not what starts runs, and reaches its own cluster as a pod.
NOT_OF_STEPS = ("kfp_endpoint", "kfp_poll_seconds", "kubeconfig")
SECRETS = {
    "gateway-client": {"api-key": "GATEWAY_API_KEY"},
    "online-store": {"redis-url": "REDIS_URL"},
}
# Only an installation whose blob store is S3 has this secret.
OPTIONAL_SECRETS = {
    "object-store": {
        "S3_ACCESS_KEY_ID": "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY": "S3_SECRET_ACCESS_KEY",
    },
}
RAY_TOKEN, RAY_TOKEN_FOLDER = "ray-token", "/var/run/secrets/ray"


def prepare(task: PipelineTask) -> None:
    """Give a task its environment, its secrets and the token of the Ray cluster."""
    for name, value in step_environment().items():
        task.set_env_variable(name, value)
    for secret, keys in SECRETS.items():
        kubernetes.use_secret_as_env(task, secret, keys)
    for secret, keys in OPTIONAL_SECRETS.items():
        kubernetes.use_secret_as_env(task, secret, keys, optional=True)
    kubernetes.use_secret_as_volume(task, RAY_TOKEN, RAY_TOKEN_FOLDER)


def step_environment() -> dict[str, str]:
    """Return the settings of all that a step runs, as they are given, without secrets."""
    fields = {name: field for kind in KINDS for name, field in kind.model_fields.items()}
    secret = {n for n, f in fields.items() if SecretStr in (f.annotation, *get_args(f.annotation))}
    given: Any = dict.fromkeys(fields.keys() - secret - {*NOT_OF_STEPS}, (str | None, None))
    values = create_model("StepEnvironment", __base__=Settings, **given)()
    return {
        name.upper(): value for name, value in sorted(values.model_dump(exclude_none=True).items())
    }
