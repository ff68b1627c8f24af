"""What a job works with."""

from collections.abc import Callable
from dataclasses import dataclass

from batch_inference.executors import Executor
from batch_inference.settings import BatchSettings
from platform_core.clock import Clock
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.online_store import OnlineStore


@dataclass(frozen=True)
class Services:
    """What a job works with. Jobs with few rows use the executor `small`, others `large`."""

    store: BlobStore
    clock: Clock
    settings: BatchSettings
    online_store: Callable[[], OnlineStore]
    small: Executor
    large: Executor
