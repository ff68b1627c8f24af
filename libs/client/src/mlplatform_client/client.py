"""`Client` and `AsyncClient`."""

from functools import cached_property
from types import TracebackType
from typing import Self

import httpx

from mlplatform_client.api.batch import BatchResource
from mlplatform_client.api.changes import ChangesResource
from mlplatform_client.api.history import (
    DatasetsResource,
    RetrainingResource,
    RunsResource,
    UseCasesResource,
)
from mlplatform_client.api.monitoring import ComparisonsResource, MetricsResource, ReportsResource
from mlplatform_client.api.operations import OperationsResource
from mlplatform_client.api.predicting import Predicting
from mlplatform_client.api.predictions import PredictionsResource
from mlplatform_client.api.releases import ReleasesResource
from mlplatform_client.endpoints import TransportT
from mlplatform_client.settings import Timeout, client_options
from mlplatform_client.transports import AsyncTransport, SyncTransport


class GatewayApi(Predicting[TransportT]):
    """The API of a gateway by parts."""

    _owns_connections = False

    def with_options(
        self,
        *,
        api_key: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
    ) -> Self:
        """Return a client with other options and the same connections; it costs next to nothing."""
        transport = self._transport.with_options(
            api_key=api_key, timeout=timeout, max_retries=max_retries
        )
        other = object.__new__(type(self))
        GatewayApi.__init__(other, transport)
        return other

    def with_key(self, api_key: str) -> Self:
        """Return a client with another API key and the same connections."""
        return self.with_options(api_key=api_key)

    @cached_property
    def predictions(self) -> PredictionsResource[TransportT]:
        """Logged predictions."""
        return PredictionsResource(self._transport)

    @cached_property
    def releases(self) -> ReleasesResource[TransportT]:
        """Releases, serving states and their changes."""
        return ReleasesResource(self._transport)

    @cached_property
    def changes(self) -> ChangesResource[TransportT]:
        """How changes went, and decisions about suggested ones."""
        return ChangesResource(self._transport)

    @cached_property
    def comparisons(self) -> ComparisonsResource[TransportT]:
        """Live evidence about canaries and shadows."""
        return ComparisonsResource(self._transport)

    @cached_property
    def metrics(self) -> MetricsResource[TransportT]:
        """The latest drift and quality reports."""
        return MetricsResource(self._transport)

    @cached_property
    def reports(self) -> ReportsResource[TransportT]:
        """Past drift and quality reports."""
        return ReportsResource(self._transport)

    @cached_property
    def runs(self) -> RunsResource[TransportT]:
        """Runs of the training pipeline."""
        return RunsResource(self._transport)

    @cached_property
    def retraining(self) -> RetrainingResource[TransportT]:
        """Retraining requests."""
        return RetrainingResource(self._transport)

    @cached_property
    def datasets(self) -> DatasetsResource[TransportT]:
        """Dataset versions."""
        return DatasetsResource(self._transport)

    @cached_property
    def use_cases(self) -> UseCasesResource[TransportT]:
        """The installed use cases."""
        return UseCasesResource(self._transport)

    @cached_property
    def batch(self) -> BatchResource[TransportT]:
        """Batch jobs and their files."""
        return BatchResource(self._transport)

    @cached_property
    def operations(self) -> OperationsResource[TransportT]:
        """The state of the gateway."""
        return OperationsResource(self._transport)


class Client(GatewayApi[SyncTransport]):
    """A synchronous client of a gateway; it reuses connections, and threads may share it.

    Args:
        base_url: address of the gateway; by default `MLPLATFORM_URL`.
        api_key: by default `MLPLATFORM_API_KEY`.
        timeout: seconds for each of connecting, sending and receiving, or an `httpx.Timeout`;
            30 by default, and 5 for connecting.
        max_retries: further attempts of a request that can be made again safely; 3 by default.
        trust_env: whether proxies and certificates that the environment names are used.
        http_client: makes the requests instead of a client of its own; it is not closed.

    Raises:
        ClientOptionsError: the URL or the API key is missing or invalid.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        trust_env: bool = True,
        http_client: httpx.Client | None = None,
    ) -> None:
        options = client_options(base_url, api_key, timeout, max_retries)
        super().__init__(SyncTransport(http_client or httpx.Client(trust_env=trust_env), options))
        self._owns_connections = http_client is None

    def close(self) -> None:
        """Close the connections, unless they belong to another client."""
        if self._owns_connections:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(GatewayApi[AsyncTransport]):
    """An asynchronous client of a gateway; see `Client` for the arguments."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        trust_env: bool = True,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        options = client_options(base_url, api_key, timeout, max_retries)
        super().__init__(
            AsyncTransport(http_client or httpx.AsyncClient(trust_env=trust_env), options)
        )
        self._owns_connections = http_client is None

    async def aclose(self) -> None:
        """Close the connections, unless they belong to another client."""
        if self._owns_connections:
            await self._transport.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
