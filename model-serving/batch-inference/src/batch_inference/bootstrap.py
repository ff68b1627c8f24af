"""The composition root: from the environment to the services of a job."""

from functools import partial

from batch_inference.executors import LocalExecutor
from batch_inference.ray_executor import RayExecutor
from batch_inference.services import Services
from batch_inference.settings import BatchSettings
from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.settings import OnlineStoreSettings, RaySettings, StorageSettings


def services() -> Services:
    """Return the services that the environment variables configure."""
    settings = BatchSettings()
    # The default time-out is for online requests; a batch job can wait longer.
    timeout = {"online_store_timeout_seconds": settings.batch_online_store_timeout_seconds}
    online = OnlineStoreSettings().model_copy(update=timeout)
    return Services(
        store=connect.blob_store(StorageSettings()),
        clock=SystemClock(),
        settings=settings,
        online_store=partial(connect.online_store, online),
        small=LocalExecutor(),
        large=RayExecutor(RaySettings().ray_address, settings.batch_tasks_in_flight),
    )
