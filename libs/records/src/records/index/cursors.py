"""Cursors of pages of records, which descend by time and prediction id."""

import base64
import binascii

import orjson

from platform_core.errors import InvalidInput


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
        raise InvalidInput("cursor is not one of a page; begin without a cursor")
    return list(position)
