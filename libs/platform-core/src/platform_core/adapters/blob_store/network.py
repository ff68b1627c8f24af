"""Time-outs and retries of the stores that are reached over a network."""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # obstore has these types in its stubs only
    from obstore.store import ClientConfig, RetryConfig

RETRIES = 3
CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(minutes=10),  # of a whole transfer
}


def client_options(url: str) -> "ClientConfig":
    """Return the options of the HTTP client; only an `http://` URL may be unencrypted."""
    return {**CLIENT, "allow_http": url.startswith("http://")}


def retry_options(retries: int) -> "RetryConfig":
    """Return how often and for how long a failed request is repeated."""
    return {
        "max_retries": retries,
        "backoff": {
            "init_backoff": timedelta(milliseconds=500),
            "max_backoff": timedelta(seconds=8),
            "base": 2,
        },
        "retry_timeout": timedelta(seconds=60),
    }
