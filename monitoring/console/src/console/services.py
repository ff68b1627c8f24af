"""The components that the pages use."""

from dataclasses import dataclass

import httpx

from console.gateway.value_cache import ValueCache
from console.settings import ConsoleSettings
from console.web.sessions import SessionCookies
from console.web.static_files import StaticContent
from console.web.templates import Templates
from mlplatform_client import AsyncClient
from platform_core.clock import Clock


@dataclass(frozen=True)
class Console:
    """What is made once per process; `http` holds the connections to the gateway."""

    settings: ConsoleSettings
    cookies: SessionCookies
    static: StaticContent
    templates: Templates
    known: ValueCache
    http: httpx.AsyncClient
    clock: Clock

    def client(self, key: str) -> AsyncClient:
        """Return a client that uses an API key; it fails at once instead of trying again, because
        a person waits.
        """
        return AsyncClient(
            self.settings.gateway_url,
            key,
            timeout=self.settings.console_timeout_seconds,
            max_retries=0,
            http_client=self.http,
        )

    async def close(self) -> None:
        """Close the connections to the gateway."""
        await self.http.aclose()
