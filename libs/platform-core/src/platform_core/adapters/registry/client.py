"""MLflow's client as the platform's programs use it."""

from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)

from platform_core.adapters.feast_repository.quiet_import import import_feast

# MLflow's own limits add up to many minutes; a program that sets the variables keeps its own.
LIMITS: Mapping[Any, Any] = {
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: 2,
    MLFLOW_HTTP_REQUEST_TIMEOUT: 20,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: False,
}


def mlflow_client(tracking_uri: str) -> MlflowClient:
    """Return a client of the server at `tracking_uri`, for its runs and its registry."""
    # MLflow's first request loads Feast as a plugin.
    import_feast()
    for variable, value in LIMITS.items():
        if not variable.is_set():
            variable.set(value)
    return MlflowClient(tracking_uri, tracking_uri)
