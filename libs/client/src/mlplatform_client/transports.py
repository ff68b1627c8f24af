"""Runs flows over httpx: a synchronous and an asynchronous transport."""

import asyncio
import inspect
import time
from collections.abc import Generator
from importlib.metadata import version
from typing import Any, TypeVar

import httpx

from mlplatform_client.flows import Flow, Pause, Request, Work
from mlplatform_client.retries import Exchange, attempts, connection_error
from mlplatform_client.settings import ClientOptions

T = TypeVar("T")
DISTRIBUTION = "mlplatform-client"
USER_AGENT = f"{DISTRIBUTION}/{version(DISTRIBUTION)}"

Step = Request | Pause | Work | Exchange


class SyncTransport:
    """Runs flows and blocks until they have ended."""

    def __init__(self, http: httpx.Client, options: ClientOptions) -> None:
        self.http = http
        self.options = options

    def run(self, flow: Generator[Any, Any, T]) -> T:
        """Return what a flow returns."""
        value: Any = None
        error: Exception | None = None
        while True:
            try:
                step = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            value, error = None, None
            try:
                value = self._perform(step)
            except Exception as raised:  # it may be what the flow handles
                error = raised

    def _perform(self, step: Step) -> Any:
        match step:
            case Request():
                return self.run(attempts(step, self.options.max_retries))
            case Pause():
                return time.sleep(step.seconds)
            case Work():
                return step.function()
            case Exchange():
                try:
                    return self.http.send(
                        built(self.http, step.request, self.options), follow_redirects=False
                    )
                except httpx.HTTPError as error:
                    raise connection_error(error, self.options.base_url) from error


class AsyncTransport:
    """Runs flows on an event loop; what blocks runs in threads."""

    def __init__(self, http: httpx.AsyncClient, options: ClientOptions) -> None:
        self.http = http
        self.options = options

    async def run(self, flow: Flow[T] | Generator[Any, Any, T]) -> T:
        """Return what a flow returns."""
        value: Any = None
        error: Exception | None = None
        while True:
            try:
                step = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            value, error = None, None
            try:
                value = await self._perform(step)
            except Exception as raised:  # it may be what the flow handles
                error = raised

    async def _perform(self, step: Step) -> Any:
        match step:
            case Request():
                return await self.run(attempts(step, self.options.max_retries))
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Work():
                result = await asyncio.to_thread(step.function)
                return await result if inspect.isawaitable(result) else result
            case Exchange():
                try:
                    return await self.http.send(
                        built(self.http, step.request, self.options), follow_redirects=False
                    )
                except httpx.HTTPError as error:
                    raise connection_error(error, self.options.base_url) from error


def built(
    http: httpx.Client | httpx.AsyncClient, request: Request, options: ClientOptions
) -> httpx.Request:
    """Return a request as httpx sends it, with the API key of `options`."""
    headers = {"X-API-Key": options.api_key, "User-Agent": USER_AGENT, **request.headers}
    return http.build_request(
        request.method,
        f"{options.base_url}{request.path}",
        params=request.params or None,
        headers=headers,
        content=request.content,
        timeout=options.timeout,
    )
