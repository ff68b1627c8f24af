"""Operations as generators: written once, run by the synchronous and the asynchronous client.

A flow yields what it needs from outside (`Request`, `Pause`, `Work`), is sent the result, or has
the error raised at its `yield`, and returns its value. It neither blocks nor awaits.
"""

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from mlplatform_client.errors import InvalidNameError, InvalidResponseError

T = TypeVar("T")
JSON_HEADERS = {"Content-Type": "application/json"}
_ADAPTERS: dict[object, TypeAdapter[Any]] = {}


@dataclass(frozen=True)
class Request:
    """A request; the result is an `httpx.Response` with a status of success, or 308.

    `repeatable` says that making it twice has the effect of making it once. One that is not
    `retried` fails at once.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    repeatable: bool = True
    retried: bool = True


@dataclass(frozen=True)
class Pause:
    """A wait."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Something that blocks, e.g. reading a file; an asynchronous client awaits an awaitable."""

    function: Callable[[], Any | Awaitable[Any]]


class Sink(Protocol):
    """Takes a response piece by piece."""

    def begin(self, response: httpx.Response) -> None:
        """Take the headers."""

    def write(self, chunk: bytes) -> None:
        """Take a part of the body."""


@dataclass(frozen=True)
class Receive:
    """A request whose body is passed to a sink as it arrives; it is not made again."""

    request: Request
    sink: Sink


Effect = Request | Pause | Work | Receive
Flow = Generator[Effect, Any, T]


def query(**given: Any) -> dict[str, str]:
    """Return the parameters of a query without those that are `None`."""
    return {name: _text(value) for name, value in given.items() if value is not None}


def get(path: str, kind: type[T] | TypeAdapter[T], /, **params: Any) -> Flow[T]:
    """Get a JSON document."""
    response = yield Request("GET", path, query(**params))
    return parsed(response, kind)


def post(
    path: str,
    kind: type[T] | TypeAdapter[T],
    body: Any,
    headers: Mapping[str, str] | None = None,
    *,
    repeatable: bool,
) -> Flow[T]:
    """Post a JSON document, and return the one of the response."""
    given = {**JSON_HEADERS, **(headers or {})}
    request = Request("POST", path, {}, given, encoded(body), repeatable=repeatable)
    response = yield request
    return parsed(response, kind)


def encoded(body: Any) -> bytes:
    """Return a body as JSON; it may contain pydantic models, times, and NumPy values.

    Raises:
        ValueError: it contains NaN or an infinite number.
        TypeError: it contains what JSON cannot express.
    """
    try:
        return json.dumps(body, default=_jsonable, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise ValueError(f"{error}; use None for a missing value") from error


def parsed(response: httpx.Response, kind: type[T] | TypeAdapter[T]) -> T:
    """Return the document of a response.

    Raises:
        InvalidResponseError: it is not of this kind.
    """
    adapter: TypeAdapter[T] = kind if isinstance(kind, TypeAdapter) else _adapter(kind)
    try:
        return adapter.validate_json(response.content)
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_input=False)
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        request = response.request
        raise InvalidResponseError(
            f"the response to {request.method} {request.url.path} is not what the API promises: "
            f"{place}: {first['msg']} (and {len(others)} more problems); is there a gateway at "
            f"{request.url.copy_with(path='/', query=None)}, and is it as new as this client?"
        ) from error


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return the adapter of a kind; making one takes longer than parsing most responses."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def segment(value: str) -> str:
    """Return a value as one segment of a path.

    Raises:
        InvalidNameError: it cannot be one.
    """
    if value in {"", ".", ".."}:
        raise InvalidNameError(f"{value!r} cannot be a part of a URL; give a name or an id")
    return quote(value, safe="")


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for method in ("isoformat", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"a {type(value).__name__} cannot be sent as JSON; convert it first")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
