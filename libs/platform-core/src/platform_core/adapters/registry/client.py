"""MLflow's client as the platform's programs use it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.utils import plugins

# MLflow's own limits add up to many minutes; a program that sets the variables keeps its own.
LIMITS: Mapping[Any, Any] = {
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: 2,
    MLFLOW_HTTP_REQUEST_TIMEOUT: 20,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: False,
}


def mlflow_client(tracking_uri: str) -> MlflowClient:
    """Return a client of the server at `tracking_uri`, for its runs and its registry."""
    _load_plugins_without_feast()
    for variable, value in LIMITS.items():
        if not variable.is_set():
            variable.set(value)
    return MlflowClient(tracking_uri, tracking_uri)


def _load_plugins_without_feast() -> None:
    """Load the plugins that add headers to MLflow's requests, except Feast's.

    Feast's adds a token that only Feast's own server sets. MLflow would load it at its first
    request, and all of Feast with it: two seconds, and side effects (see `quiet_import`).
    """
    find = plugins.get_entry_points
    plugins.get_entry_points = lambda group: [one for one in find(group) if one.name != "feast"]
    try:
        import_module("mlflow.tracking.request_header.registry")
    finally:
        plugins.get_entry_points = find
