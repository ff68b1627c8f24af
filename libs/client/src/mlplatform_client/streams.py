"""Files that are read while they are received."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import Any, Concatenate, Generic, Self, overload

import httpx

from mlplatform_client.endpoints import P, Resource, signature_of
from mlplatform_client.flows import Request
from mlplatform_client.settings import ClientOptions
from mlplatform_client.transports import AsyncTransport, SyncTransport, translated


class Download:
    """A file that is being received: iterate over its chunks."""

    def __init__(self, response: httpx.Response, options: ClientOptions) -> None:
        self._response = response
        self._options = options

    @property
    def size(self) -> int | None:
        """The number of bytes, `None` if the gateway does not say."""
        with suppress(KeyError, ValueError):
            return int(self._response.headers["Content-Length"])
        return None

    def __iter__(self) -> Iterator[bytes]:
        with translated(self._options):
            yield from self._response.iter_bytes()


class AsyncDownload(Download):
    """A file that is being received: iterate over its chunks with `async for`."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with translated(self._options):
            async for chunk in self._response.aiter_bytes():
                yield chunk


class streaming(Generic[P]):  # noqa: N801 - used as a decorator
    """A method of a resource that returns a context with a file that is being received."""

    def __init__(self, request: Callable[Concatenate[Any, P], Request]) -> None:
        self._request = request
        self._signature = signature_of(request)
        self.__doc__ = request.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(
        self, instance: Resource[SyncTransport], owner: Any
    ) -> Callable[P, AbstractContextManager[Download]]: ...
    @overload
    def __get__(
        self, instance: Resource[AsyncTransport], owner: Any
    ) -> Callable[P, AbstractAsyncContextManager[AsyncDownload]]: ...
    def __get__(self, instance: Resource[Any] | None, owner: Any) -> Any:
        """Return the method of an instance."""
        if instance is None:
            return self
        bound, transport = self._request.__get__(instance), instance._transport

        @contextmanager
        def opened(*args: P.args, **kwargs: P.kwargs) -> Iterator[Download]:
            with transport.stream(bound(*args, **kwargs)) as response:
                yield Download(response, transport.options)

        @asynccontextmanager
        async def opened_later(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[AsyncDownload]:
            async with transport.stream(bound(*args, **kwargs)) as response:
                yield AsyncDownload(response, transport.options)

        method: Any = opened if isinstance(transport, SyncTransport) else opened_later
        method.__signature__, method.__doc__ = self._signature, self.__doc__
        return method
