"""A connection to the Ray cluster for the length of a block."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import AuthenticationError

from platform_core.errors import UpstreamUnavailable
from platform_core.settings import RaySettings


@contextmanager
def ray_session() -> Iterator[None]:
    """Connect to the cluster that the settings name, and disconnect afterwards.

    Raises:
        UpstreamUnavailable: there is no cluster, it does not answer, or its token is missing.
    """
    address = RaySettings().ray_address
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, AuthenticationError) as error:
        # A stack that has never been up has no token. Ray's own advice is about other clusters.
        reason = error.message if isinstance(error, AuthenticationError) else error
        raise UpstreamUnavailable(
            f"no connection to Ray at {address} ({reason}); start the stack with `make up`, or "
            "look at `make status` and `make logs`"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
