"""Asks the gateway to upload its inference log."""

from collections.abc import Callable

import httpx

from platform_core.errors import UpstreamUnavailable

PATH = "/admin/inference-log/flush"
Flush = Callable[[], None]


def gateway_flush(url: str, api_key: str, timeout: float) -> Flush:
    """Return a function that makes the gateway at `url` upload its log.

    It waits at most `timeout` seconds, and raises `UpstreamUnavailable` if the gateway cannot be
    reached or refuses.
    """

    def flush() -> None:
        address = f"{url.rstrip('/')}{PATH}"
        try:
            response = httpx.post(address, headers={"X-API-Key": api_key}, timeout=timeout)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(
                f"the gateway did not flush its inference log ({error or type(error).__name__}); "
                "the window may lack its latest records until it is measured again"
            ) from error

    return flush
