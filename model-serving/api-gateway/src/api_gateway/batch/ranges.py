"""The headers of RFC 9110 that name a range of a file."""

import re
from dataclasses import dataclass

from api_gateway.errors import InvalidRange, RangeNotSatisfiable

_NUMBER = "([0-9]{1,18})"
_CONTENT_RANGE = re.compile(rf"bytes (?:{_NUMBER}-{_NUMBER}|\*)/{_NUMBER}")
_RANGE = re.compile(rf"bytes=(?:{_NUMBER}-{_NUMBER}?|-{_NUMBER})")


@dataclass(frozen=True)
class ContentRange:
    """The bytes `start` to `end` (exclusive) of a file of `size` bytes; none for a question."""

    start: int | None
    end: int | None
    size: int


def parse_content_range(text: str) -> ContentRange:
    """Return the range of a `Content-Range`: `bytes 0-499/1234`, or `bytes */1234`.

    Raises:
        InvalidRange: it has another form, or names bytes that such a file does not have.
    """
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise InvalidRange(
            f"the Content-Range is {text!r:.100}; send 'bytes <first>-<last>/<size>', or "
            "'bytes */<size>' without a body to ask how much has arrived"
        )
    size = int(found[3])
    if found[1] is None:
        return ContentRange(None, None, size)
    start, end = int(found[1]), int(found[2]) + 1
    if not start < end <= size:
        raise InvalidRange(f"the Content-Range {text!r:.100} names bytes that no such file has")
    return ContentRange(start, end, size)


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the end (exclusive) of the one range that a `Range` asks for.

    `None` for several ranges or another unit, which a server may ignore.

    Raises:
        RangeNotSatisfiable: the range lies outside the `size` bytes of the file.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    if found[3] is not None:
        start, end = size - min(size, int(found[3])), size
    else:
        start, end = int(found[1]), size if found[2] is None else min(size, int(found[2]) + 1)
        if found[2] is not None and int(found[2]) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(f"the file has {size} bytes and none of {text:.100}", size)
    return start, end
