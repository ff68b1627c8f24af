"""Where training chooses its adapters; imports on use, as each step is a process of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from platform_core.adapters import connect
from platform_core.clock import Clock, SystemClock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.job_runner import JobRunner
from platform_core.ports.registry import ModelRegistry
from platform_core.settings import (
    OnlineStoreSettings,
    RaySettings,
    RegistrySettings,
    StorageSettings,
)
from training.settings import TrainingSettings

if TYPE_CHECKING:
    from platform_core.ports.feature_store import FeatureStore
    from platform_core.ports.online_store import OnlineStore
    from releases.changes import ReleaseService
    from training.tracking import Tracking


class Platform:
    """What a step may use; each part is connected when it is first asked for."""

    clock: Clock = SystemClock()
    settings = cached_property(lambda _: TrainingSettings())
    store = cached_property[BlobStore](lambda _: connect.blob_store(StorageSettings()))
    registry = cached_property[ModelRegistry](lambda _: connect.model_registry(RegistrySettings()))
    jobs = cached_property[JobRunner](lambda _: connect.job_runner(RaySettings()))

    @cached_property
    def feature_store(self) -> FeatureStore:
        """Feast, to define, join and materialise."""
        return connect.feature_store(OnlineStoreSettings())

    @cached_property
    def online_store(self) -> OnlineStore:
        """Feast, as serving reads it."""
        return connect.online_store(OnlineStoreSettings())

    @cached_property
    def releases(self) -> ReleaseService:
        """What changes environments."""
        from releases.bootstrap import build
        from releases.settings import ReleaseSettings

        return build(ReleaseSettings()).service

    def tracking(self, use_case: str) -> Tracking:
        """MLflow's experiment of a use case."""
        from training.tracking import Tracking

        return Tracking(RegistrySettings().mlflow_tracking_uri, use_case)
