"""Where the gateway is and which API key is used, from arguments or the environment."""

import os
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from mlplatform_client.errors import ClientOptionsError

URL_VARIABLE = "MLPLATFORM_URL"
API_KEY_VARIABLE = "MLPLATFORM_API_KEY"
DEFAULT_SECONDS, DEFAULT_CONNECT_SECONDS = 30.0, 5.0
DEFAULT_RETRIES = 3

Timeout = float | httpx.Timeout


@dataclass(frozen=True)
class ClientOptions:
    """How requests are made; the API key is not shown by `repr`."""

    base_url: str
    api_key: str = field(repr=False)
    timeout: Timeout = field(
        default_factory=lambda: httpx.Timeout(DEFAULT_SECONDS, connect=DEFAULT_CONNECT_SECONDS)
    )
    max_retries: int = DEFAULT_RETRIES

    def changed(self, **given: Any) -> "ClientOptions":
        """Return the options with those of `given` that are not `None`."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def client_options(
    base_url: str | None, api_key: str | None, timeout: Timeout | None, max_retries: int | None
) -> ClientOptions:
    """Return the options of a client; what is `None` comes from the environment or is a default.

    Raises:
        ClientOptionsError: the URL or API key is missing, or the URL is not http(s).
    """
    url = base_url or os.environ.get(URL_VARIABLE, "")
    key = api_key if api_key is not None else os.environ.get(API_KEY_VARIABLE, "")
    if not url:
        raise ClientOptionsError(
            f"the gateway's URL is missing; pass base_url, or set {URL_VARIABLE}"
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ClientOptionsError(f"{url!r} is not the URL of a gateway; use http(s)://<host>")
    if not key:
        raise ClientOptionsError(f"the API key is missing; pass api_key, or set {API_KEY_VARIABLE}")
    if not key.isascii() or not key.isprintable():
        raise ClientOptionsError("the API key has characters that an HTTP header cannot contain")
    options = ClientOptions(base_url=url.rstrip("/"), api_key=key)
    return options.changed(timeout=timeout, max_retries=max_retries)
