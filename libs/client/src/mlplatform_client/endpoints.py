"""Turns flows into methods: blocking ones of `Client`, coroutines of `AsyncClient`.

A resource is one class, generic in its transport. Its methods are written once, as flows; the
decorators `endpoint` and `pages` give them the type that belongs to the transport.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, get_args, overload

from mlplatform_client.flows import Flow
from mlplatform_client.transports import AsyncTransport, SyncTransport

P = ParamSpec("P")
T = TypeVar("T")
TransportT = TypeVar("TransportT", SyncTransport, AsyncTransport)
PAGE_SIZE = 100
"""The items of a page, as many as the gateway allows."""


class CursorPage(Protocol):
    """A page of a list."""

    @property
    def cursor(self) -> str | None:
        """Asks for the next page; `None` on the last one."""


PageT = TypeVar("PageT", bound=CursorPage)


class Resource(Generic[TransportT]):
    """A part of the API."""

    def __init__(self, transport: TransportT) -> None:
        self._transport: TransportT = transport


class endpoint(Generic[P, T]):  # noqa: N801 - used as a decorator
    """A method of a resource, made from a flow."""

    def __init__(self, flow: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self._flow = flow
        returned = get_args(inspect.signature(flow).return_annotation)[-1]
        self._signature = signature_of(flow).replace(return_annotation=returned)
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: Resource[SyncTransport], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, instance: Resource[AsyncTransport], owner: Any
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Resource[Any] | None, owner: Any) -> Any:
        """Return the method of an instance."""
        if instance is None:
            return self
        bound, transport = self._flow.__get__(instance), instance._transport

        @wraps(bound)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return transport.run(bound(*args, **kwargs))

        method.__signature__ = self._signature  # type: ignore[attr-defined]  # for help()
        return method


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a method without `self`."""
    given = inspect.signature(function)
    _, *parameters = given.parameters.values()
    return given.replace(parameters=parameters)


@dataclass(frozen=True)
class Listing(Generic[PageT, T]):
    """A list in pages: `fetch` gets the page at a cursor, `items` are the entries of a page."""

    fetch: Callable[[str | None], Flow[PageT]]
    items: Callable[[PageT], list[T]]


class Pages(Generic[PageT, T]):
    """A list, which is read page by page while it is iterated over."""

    def __init__(self, transport: SyncTransport, listing: Listing[PageT, T]) -> None:
        self._transport = transport
        self._listing = listing

    def page(self, cursor: str | None = None) -> PageT:
        """Return the first page, or the one at a cursor."""
        return self._transport.run(self._listing.fetch(cursor))

    def __iter__(self) -> Iterator[T]:
        """Yield the items of all pages."""
        page = self.page()
        yield from self._listing.items(page)
        while page.cursor is not None:
            page = self.page(page.cursor)
            yield from self._listing.items(page)


class AsyncPages(Generic[PageT, T]):
    """A list, which is read page by page while it is iterated over with `async for`."""

    def __init__(self, transport: AsyncTransport, listing: Listing[PageT, T]) -> None:
        self._transport = transport
        self._listing = listing

    async def page(self, cursor: str | None = None) -> PageT:
        """Return the first page, or the one at a cursor."""
        return await self._transport.run(self._listing.fetch(cursor))

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the items of all pages."""
        page = await self.page()
        for item in self._listing.items(page):
            yield item
        while page.cursor is not None:
            page = await self.page(page.cursor)
            for item in self._listing.items(page):
                yield item


class pages(Generic[P, PageT, T]):  # noqa: N801 - used as a decorator
    """A method of a resource that returns a list in pages."""

    def __init__(self, listing: Callable[Concatenate[Any, P], Listing[PageT, T]]) -> None:
        self._listing = listing
        self.__doc__ = listing.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(
        self, instance: Resource[SyncTransport], owner: Any
    ) -> Callable[P, Pages[PageT, T]]: ...
    @overload
    def __get__(
        self, instance: Resource[AsyncTransport], owner: Any
    ) -> Callable[P, AsyncPages[PageT, T]]: ...
    def __get__(self, instance: Resource[Any] | None, owner: Any) -> Any:
        """Return the method of an instance."""
        if instance is None:
            return self
        bound, transport = self._listing.__get__(instance), instance._transport

        @wraps(bound)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            kind = Pages if isinstance(transport, SyncTransport) else AsyncPages
            return kind(transport, bound(*args, **kwargs))

        return method
