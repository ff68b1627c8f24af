"""Runs flows over httpx: a synchronous and an asynchronous transport."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from importlib.metadata import version
from typing import Any, Generic, Self, TypeVar

import httpx

from mlplatform_client.flows import Effect, Flow, Pause, Receive, Request, Work
from mlplatform_client.retries import Exchange, attempts, checked, connection_error
from mlplatform_client.settings import ClientOptions

T = TypeVar("T")
HttpT = TypeVar("HttpT", bound=httpx.Client | httpx.AsyncClient)
DISTRIBUTION = "mlplatform-client"
USER_AGENT = f"{DISTRIBUTION}/{version(DISTRIBUTION)}"

NONE: Mapping[str, str] = {}
AS_STORED = {"Accept-Encoding": "identity"}
"""Of a file: a proxy that compressed it would change its length, and what a range means."""

Step = Effect | Exchange


class Transport(Generic[HttpT]):
    """What both transports share: connections, and the options of their requests."""

    def __init__(self, http: HttpT, options: ClientOptions) -> None:
        self.http = http
        self.options = options

    def with_options(self, **given: Any) -> Self:
        """Return a transport with other options and the same connections."""
        return type(self)(self.http, self.options.changed(**given))

    def _built(self, request: Request, more: Mapping[str, str] = NONE) -> httpx.Request:
        """Return a request as httpx sends it, with the API key of the options."""
        options = self.options
        headers = {
            "X-API-Key": options.api_key,
            "User-Agent": USER_AGENT,
            **more,
            **request.headers,
        }
        built: httpx.Request = self.http.build_request(
            request.method,
            f"{options.base_url}{request.path}",
            params=request.params or None,
            headers=headers,
            content=request.content,
            timeout=options.timeout,
        )
        return built


class SyncTransport(Transport[httpx.Client]):
    """Runs flows and blocks until they have ended."""

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
            response = self.http.send(
                self._built(request, AS_STORED), stream=True, follow_redirects=False
            )
        with closing(response):
            if not response.is_success:
                with translated(self.options):
                    response.read()
            yield checked(response)


class AsyncTransport(Transport[httpx.AsyncClient]):
    """Runs flows on an event loop; what blocks runs in threads."""

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
                self._built(request, AS_STORED), stream=True, follow_redirects=False
            )
        async with aclosing(response):
            if not response.is_success:
                with translated(self.options):
                    await response.aread()
            yield checked(response)


@contextmanager
def translated(options: ClientOptions) -> Iterator[None]:
    """Raise httpx's errors as `APIConnectionError`."""
    try:
        yield
    except httpx.HTTPError as error:
        raise connection_error(error, options.base_url) from error
