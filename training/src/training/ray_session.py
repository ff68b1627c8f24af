"""A connection to the Ray cluster for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

import ray

from platform_core.settings import RaySettings


@contextmanager
def ray_session() -> Iterator[None]:
    """Connect to the cluster that the settings name, and disconnect afterwards."""
    ray.init(address=RaySettings().ray_address, log_to_driver=False, logging_level="warning")
    try:
        yield
    finally:
        ray.shutdown()
