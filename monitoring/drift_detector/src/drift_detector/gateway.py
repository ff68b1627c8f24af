"""Asking the gateway to bring its log up to date."""

from collections.abc import Callable

import httpx

from platform_core.errors import UpstreamUnavailable

PATH = "/admin/inference-log/flush"
Flush = Callable[[], None]


def flush_through(url: str, api_key: str, timeout: float) -> Flush:
    """Return a function that makes the gateway at `url` upload all it has logged.

    It waits at most `timeout` seconds and raises `UpstreamUnavailable` when the gateway cannot
    be reached or refuses.
    """

    def flush() -> None:
        address = f"{url.rstrip('/')}{PATH}"
        try:
            answer = httpx.post(address, headers={"X-API-Key": api_key}, timeout=timeout)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise UpstreamUnavailable(
                f"the gateway did not flush its inference log ({error or type(error).__name__}); "
                "the window may lack its latest records until it is measured again"
            ) from error

    return flush
