"""Where training chooses its adapters; imports on use, because each step is its own process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from platform_core.adapters import connect
from platform_core.clock import Clock, SystemClock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner
from platform_core.ports.online_store import OnlineStore
from platform_core.ports.registry import ModelRegistry
from platform_core.settings import (
    OnlineStoreSettings,
    RaySettings,
    RegistrySettings,
    StorageSettings,
)
from training.settings import TrainingSettings

if TYPE_CHECKING:
    from data_pipeline.bootstrap import DataServices
    from releases.changes.requests import ChangeRequests
    from training.tracking.experiment import Experiment


class TrainingServices:
    """What the steps work with; each part is connected on first use."""

    clock: Clock = SystemClock()
    settings = cached_property(lambda _: TrainingSettings())
    store = cached_property[BlobStore](lambda _: connect.blob_store(StorageSettings()))
    registry = cached_property[ModelRegistry](lambda _: connect.model_registry(RegistrySettings()))
    online_store = cached_property[OnlineStore](
        lambda _: connect.online_store(OnlineStoreSettings())
    )
    jobs = cached_property[JobRunner](lambda _: connect.job_runner(RaySettings()))

    @cached_property
    def data(self) -> DataServices:
        """What the data pipeline works with."""
        from data_pipeline.bootstrap import DataServices

        return DataServices()

    @cached_property
    def changes(self) -> ChangeRequests:
        """What records changes of serving states; the release controller applies them."""
        from releases.bootstrap import requests

        return requests(StorageSettings())

    def experiment(self, use_case: str) -> Experiment:
        """Return the MLflow experiment of a use case."""
        from training.tracking.experiment import Experiment

        return Experiment(RegistrySettings().mlflow_tracking_uri, use_case)
