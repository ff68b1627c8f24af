"""Where the data pipeline's own program chooses its adapters."""

from functools import cached_property

from data_pipeline.settings import DataSettings, IngestSettings
from platform_core.adapters import connect
from platform_core.clock import Clock, SystemClock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from platform_core.settings import OnlineStoreSettings, StorageSettings


class DataServices:
    """What the data pipeline works with; each part is connected on first use."""

    clock: Clock = SystemClock()
    settings = cached_property(lambda _: DataSettings())
    ingest_settings = cached_property(lambda _: IngestSettings())

    @cached_property
    def store(self) -> BlobStore:
        """The blob store."""
        return connect.blob_store(StorageSettings())

    @cached_property
    def feature_store(self) -> FeatureStore:
        """Feast, to define, join and materialise."""
        return connect.feature_store(OnlineStoreSettings())
