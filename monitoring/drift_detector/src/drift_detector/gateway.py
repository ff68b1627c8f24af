"""Asks the gateway to upload its inference log."""

from collections.abc import Callable

from mlplatform_client import MlplatformError
from platform_core.adapters.gateway import gateway_client
from platform_core.errors import UpstreamUnavailable
from platform_core.settings import GatewayClientSettings

Flush = Callable[[], None]


def gateway_flush(settings: GatewayClientSettings, timeout: float) -> Flush:
    """Return a function that makes the configured gateway upload its log.

    It waits at most `timeout` seconds, and raises `UpstreamUnavailable` if the gateway cannot be
    reached or refuses.
    """

    def flush() -> None:
        try:
            with gateway_client(settings, timeout, max_retries=0) as client:
                client.operations.flush_inference_log()
        except MlplatformError as error:
            raise UpstreamUnavailable(
                f"the gateway did not flush its inference log ({error}); the window may lack its "
                "latest records until it is measured again"
            ) from error

    return flush
