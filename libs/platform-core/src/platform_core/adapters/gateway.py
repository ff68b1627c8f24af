"""The gateway, as the platform's own programs call it."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlplatform_client import (
    APIConnectionError,
    Client,
    MlplatformError,
    RateLimitError,
    ServerError,
)
from platform_core.errors import Refused, UpstreamUnavailable
from platform_core.settings import GatewayClientSettings


def gateway_client(
    settings: GatewayClientSettings, timeout: float, max_retries: int | None = None
) -> Client:
    """Return a client of the configured gateway; proxies of the environment are not used."""
    key = settings.gateway_api_key.get_secret_value()
    return Client(
        settings.gateway_url, key, timeout=timeout, max_retries=max_retries, trust_env=False
    )


@contextmanager
def platform_errors(what: str) -> Iterator[None]:
    """Raise the client's errors as errors of the platform; `what` did not work.

    Raises:
        UpstreamUnavailable: the gateway does not answer, or cannot for now.
        Refused: it refuses.
    """
    try:
        yield
    except (APIConnectionError, RateLimitError, ServerError) as error:
        raise UpstreamUnavailable(f"{what}: {error}") from error
    except MlplatformError as error:
        raise Refused(f"{what}: {error}") from error
