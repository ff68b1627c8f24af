"""Pages of rows, which descend by time and prediction id, and their cursors."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from platform_core.errors import InvalidInput
from records.index.database import RecordIndex

MAX_LIMIT = 100


def page_of(
    index: RecordIndex, statement: str, values: Sequence[object], limit: int
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return at most `limit` rows of a query without a limit, and whether there are more.

    Raises:
        InvalidInput: the limit is not from 1 to 100.
        UpstreamUnavailable: the index is locked, or the query took too long.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit is {limit}; use 1 to {MAX_LIMIT}")
    rows = index.query(f"{statement} limit ?", [*values, limit + 1])
    return rows[:limit], len(rows) > limit


def cursor_at(time: str, prediction_id: str) -> str:
    """Return the cursor of the page after a record."""
    return base64.urlsafe_b64encode(orjson.dumps([time, prediction_id])).decode()


def position_of(cursor: str) -> list[str]:
    """Return the time and the prediction id of a cursor.

    Raises:
        InvalidInput: it is not a cursor.
    """
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error):
        position = None
    pair = isinstance(position, list) and [type(value) for value in position] == [str, str]
    if not pair:
        raise InvalidInput("the cursor is invalid; start again without one")
    return list(position)
