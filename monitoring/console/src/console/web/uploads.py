"""A form with one file, read while it arrives: neither memory nor disk holds the file.

The file is the last field of the form, so that its size follows from the length of the body.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.requests import Request

from mlplatform_client.errors import TransferError

MAX_HEAD = 64 << 10
LINE, HEAD_END = b"\r\n", b"\r\n\r\n"
_BOUNDARY = re.compile(r'multipart/form-data;.*boundary="?([^";]{1,70})"?', re.IGNORECASE)
_FILE = re.compile(rb'^content-disposition:[^\r\n]*;\s*filename="([^"\r\n]*)"', re.I | re.M)
_FIELD = re.compile(rb'^content-disposition:[^\r\n]*;\s*name="([^"\r\n]*)"', re.I | re.M)


class UploadRefused(Exception):
    """The form is not one with a file; the message says why."""


@dataclass
class FileUpload:
    """The fields before the file, the file's name and size in bytes, and where it begins."""

    fields: dict[str, str]
    name: str
    size: int
    _start: bytes
    _rest: AsyncIterator[bytes]
    _end: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file.

        Raises:
            TransferError: the body does not end where the file should.
        """
        left, held, tail = self.size, b"", b""
        async for chunk in _after(self._start, self._rest):
            part, over = chunk[:left], chunk[left:]
            left -= len(part)
            tail += over
            if len(tail) > len(self._end):
                break
            if part:
                if held:
                    yield held
                held = part
        if left or tail != self._end:
            raise TransferError("the file did not arrive as the form announced it; send it again")
        if held:  # the last part is only passed on when the end is the right one
            yield held


async def read_upload(request: Request) -> FileUpload:
    """Return the file of a form, whose content is read by `chunks`.

    Raises:
        UploadRefused: the form has no file, or is not a multipart form of known length.
    """
    found = _BOUNDARY.match(request.headers.get("content-type", ""))
    length = request.headers.get("content-length", "")
    if not found or not length.isdecimal():
        raise UploadRefused("Send a multipart form with a Content-Length.")
    delimiter = b"\r\n--" + found[1].encode("latin-1")
    rest = request.stream().__aiter__()
    buffer = LINE  # as if a line had ended before the first delimiter
    while True:
        if (start := _start_of_file(buffer, delimiter)) is not None:
            break
        if len(buffer) > MAX_HEAD:
            raise UploadRefused("The form has no file, or its other fields are too long.")
        try:
            buffer += await anext(rest)
        except StopAsyncIteration:
            raise UploadRefused("The form has no file. Choose one.") from None
    *parts, last = buffer[:start].split(delimiter)
    named = _FILE.search(last)
    name = named[1].decode(errors="replace") if named else ""
    end = delimiter + b"--\r\n"
    size = int(length) - (start - len(LINE)) - len(end)
    if not name or size <= 0:
        raise UploadRefused("Choose a file that is not empty.")
    name = PurePosixPath(name.replace("\\", "/")).name
    return FileUpload(_fields(parts), name, size, buffer[start:], rest, end)


def _start_of_file(buffer: bytes, delimiter: bytes) -> int | None:
    """Return where the content of the first part with a file begins, `None` if it is not there."""
    place = buffer.find(delimiter)
    while place >= 0:
        head_end = buffer.find(HEAD_END, place)
        if head_end < 0:
            return None
        if _FILE.search(buffer, place, head_end):
            return head_end + len(HEAD_END)
        place = buffer.find(delimiter, head_end)
    return None


def _fields(parts: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        head, _, value = part.partition(HEAD_END)
        if name := _FIELD.search(head):
            found[name[1].decode(errors="replace")] = value.decode(errors="replace")
    return found


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
