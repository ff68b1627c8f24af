"""Runs flows over httpx: a synchronous and an asynchronous transport."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import httpx

from mlplatform_client.flows import Effect, Flow, Pause, Receive, Request, Work
from mlplatform_client.retries import Exchange, attempts, checked, connection_error
from mlplatform_client.settings import ClientOptions

T = TypeVar("T")
DISTRIBUTION = "mlplatform-client"
USER_AGENT = f"{DISTRIBUTION}/{version(DISTRIBUTION)}"

Step = Effect | Exchange


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
                result = step.function()
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError("an asynchronous stream can be sent by AsyncClient only")
                return result
            case Receive():
                with self.stream(step.request) as response, translated(self.options):
                    step.sink.begin(response)
                    for chunk in response.iter_bytes():
                        step.sink.write(chunk)
                    return response
            case Exchange():
                with translated(self.options):
                    return self.http.send(self._built(step.request), follow_redirects=False)

    @contextmanager
    def stream(self, request: Request) -> Iterator[httpx.Response]:
        """Make a request once, and give its response before the body has arrived."""
        with translated(self.options):
            response = self.http.send(self._built(request), stream=True, follow_redirects=False)
        with closing(response):
            if not response.is_success:
                with translated(self.options):
                    response.read()
            yield checked(response)

    def _built(self, request: Request) -> httpx.Request:
        return built(self.http, request, self.options)


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
            case Receive():
                async with self.stream(step.request) as response:
                    with translated(self.options):
                        step.sink.begin(response)
                        async for chunk in response.aiter_bytes():
                            step.sink.write(chunk)
                    return response
            case Exchange():
                with translated(self.options):
                    return await self.http.send(self._built(step.request), follow_redirects=False)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Make a request once, and give its response before the body has arrived."""
        with translated(self.options):
            response = await self.http.send(
                self._built(request), stream=True, follow_redirects=False
            )
        async with aclosing(response):
            if not response.is_success:
                with translated(self.options):
                    await response.aread()
            yield checked(response)

    def _built(self, request: Request) -> httpx.Request:
        return built(self.http, request, self.options)


@contextmanager
def translated(options: ClientOptions) -> Iterator[None]:
    """Raise httpx's errors as `APIConnectionError`."""
    try:
        yield
    except httpx.HTTPError as error:
        raise connection_error(error, options.base_url) from error


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
