"""Pages of lists: `limit` and `cursor` of a query, and the cursor of the next page."""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from platform_core.errors import FieldError, InvalidRecord

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_DIGITS = 9
Item = TypeVar("Item")

LimitParameter = Annotated[str, Query(description=f"1 to {MAX_LIMIT}")]
CursorParameter = Annotated[str | None, Query(description="as returned with the previous page")]


@dataclass(frozen=True)
class Paging:
    """The page that is asked for: at most `limit` items after the one with the key `after`.

    `listing` names the list. It is in the cursor, since that of another list would silently skip
    items, or all of them.
    """

    listing: str
    limit: int
    after: str | None

    def cursor(self, key: str) -> str:
        """Return the cursor of the page after the item with this key."""
        return base64.urlsafe_b64encode(f"{self.listing} {key}".encode()).decode()


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Items of a page; `cursor` is that of the next one, `None` on the last page."""

    items: list[Item]
    cursor: str | None


def paging(listing: str, limit: str, cursor: str | None) -> Paging:
    """Return the page of a list that a query asks for; `InvalidRecord` (422) if it is not one."""
    number = whole_number("limit", limit, MAX_LIMIT)
    return Paging(listing, number, None if cursor is None else _after(listing, cursor))


def whole_number(name: str, text: str, most: int) -> int:
    """Return the number of a query, from 1 to `most`; `InvalidRecord` (422) if it is not one."""
    number = int(text[:MAX_DIGITS]) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= most:
        detail = f"{text!r:.100} is not a whole number from 1 to {most}"
        raise InvalidRecord(FieldError(name, detail))
    return number


def page(items: Iterable[Item], asked: Paging, key: Callable[[Item], str]) -> Page[Item]:
    """Return the page of `items`, which descend by `key`; each key is there once."""
    after = asked.after
    rest = (item for item in items if after is None or key(item) < after)
    found = list(islice(rest, asked.limit + 1))
    kept = found[: asked.limit]
    more = len(found) > asked.limit
    return Page(kept, asked.cursor(key(kept[-1])) if more else None)


def _after(listing: str, cursor: str) -> str:
    try:
        name, _, key = (
            base64.b64decode(cursor.encode(), b"-_", validate=True).decode().partition(" ")
        )
    except (ValueError, binascii.Error):
        name, key = "", ""
    if name != listing or not key:
        detail = "is not a cursor of this list; start again without one"
        raise InvalidRecord(FieldError("cursor", detail))
    return key
