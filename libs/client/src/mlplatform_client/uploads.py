"""Uploads in pieces, which continue after an interruption."""

import base64
import hashlib
import io
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import httpx

from mlplatform_client.errors import MlplatformError, TransferError
from mlplatform_client.flows import Flow, Request, Work, parsed
from mlplatform_client.models.batch import StoredFile, UploadState
from mlplatform_client.retries import pause_after

PIECE_BYTES = 8 << 20
"""The most bytes of one request, below the default body limits of proxies."""

Content = Path | bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
Progress = Callable[[int, int], None]
"""Receives how many bytes of how many have been transferred."""


class UploadSource(Protocol):
    """What is uploaded; `digest` is the value of `Repr-Digest`, `None` if it is not known."""

    size: int
    digest: str | None

    def piece(self, start: int) -> bytes | Awaitable[bytes]:
        """Return the bytes from `start`: a piece, or what is left."""


class SeekableSource:
    """A file or bytes, which can be read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
        self.digest: str | None = f"sha-256=:{base64.b64encode(sha256).decode()}:"

    def piece(self, start: int) -> bytes:
        """Return the bytes from `start`."""
        self._file.seek(start)
        return self._file.read(PIECE_BYTES)


class StreamSource:
    """A stream of known size, which can be read once; it keeps the piece that was read last."""

    digest: str | None = None

    def __init__(self, chunks: Iterable[bytes] | AsyncIterable[bytes], size: int) -> None:
        self.size = size
        self._buffer = bytearray()
        self._start = 0
        self._next: Any = (
            chunks.__aiter__().__anext__
            if isinstance(chunks, AsyncIterable)
            else iter(chunks).__next__
        )
        self._asynchronous = isinstance(chunks, AsyncIterable)

    def piece(self, start: int) -> bytes | Awaitable[bytes]:
        """Return the bytes from `start`, which is not before the last piece."""
        del self._buffer[: start - self._start]
        self._start = start
        return self._filled_later() if self._asynchronous else self._filled()

    def _filled(self) -> bytes:
        while len(self._buffer) < self._needed():
            try:
                self._buffer += self._next()
            except StopIteration:
                break
        return self._checked()

    async def _filled_later(self) -> bytes:
        while len(self._buffer) < self._needed():
            try:
                self._buffer += await self._next()
            except StopAsyncIteration:
                break
        return self._checked()

    def _wanted(self) -> int:
        return min(PIECE_BYTES, self.size - self._start)

    def _needed(self) -> int:
        """Return how many bytes to read: one more at the end, where there must not be any."""
        wanted = self._wanted()
        return wanted + (self._start + wanted == self.size)

    def _checked(self) -> bytes:
        wanted = self._wanted()
        if len(self._buffer) < wanted:
            total = self._start + len(self._buffer)
            raise TransferError(f"the stream ended after {total} of {self.size} bytes")
        if len(self._buffer) > wanted and self._start + wanted == self.size:
            raise TransferError(f"the stream has more than the {self.size} bytes of its `size`")
        return bytes(self._buffer[:wanted])


def upload_file(
    content: Content, url: str, size: int | None, progress: Progress | None, max_retries: int
) -> Flow[StoredFile]:
    """Upload to a URL path of the gateway, and continue what was uploaded of a file before."""
    with ExitStack() as stack:
        source = yield Work(lambda: _source(content, size, stack))
        answer = yield Request("PUT", url, headers=_question(source))
        # Without a digest, what arrived earlier may have been another content of the same size.
        if source.digest is None and answer.status_code != HTTPStatus.PERMANENT_REDIRECT:
            raise TransferError(f"{url} is stored already; choose another name, or delete it first")
        if source.digest is None and _received(answer):
            yield Request("DELETE", url)
            answer = yield Request("PUT", url, headers=_question(source))
        failures = 0
        while answer.status_code == HTTPStatus.PERMANENT_REDIRECT:
            start = _received(answer)
            if progress:
                progress(start, source.size)
            data = yield Work(lambda start=start: source.piece(start))  # type: ignore[misc]
            request = _piece(source, url, start, data)
            try:
                answer = yield request
                failures = 0
            except MlplatformError as error:
                again = replace(request, retried=True)
                failures = yield from pause_after(error, again, failures, max_retries)
                answer = yield Request("PUT", url, headers=_question(source))
        if progress:
            progress(source.size, source.size)
    return parsed(answer, StoredFile)


def _source(content: Content, size: int | None, stack: ExitStack) -> UploadSource:
    if isinstance(content, Path):
        return SeekableSource(stack.enter_context(content.open("rb")))
    if isinstance(content, bytes):
        return SeekableSource(io.BytesIO(content))
    if isinstance(content, io.IOBase) and content.seekable():
        return SeekableSource(cast(BinaryIO, content))
    if size is None:
        raise TypeError("the size of a stream is not known; give it as `size`, in bytes")
    return StreamSource(content, size)


def _question(source: UploadSource) -> dict[str, str]:
    """Return the headers that ask how much has arrived."""
    digest = {"Repr-Digest": source.digest} if source.digest else {}
    return {"Content-Range": f"bytes */{source.size}", **digest}


def _piece(source: UploadSource, url: str, start: int, data: bytes) -> Request:
    headers = _question(source)
    if source.size:
        headers["Content-Range"] = f"bytes {start}-{start + len(data) - 1}/{source.size}"
    else:
        del headers["Content-Range"]
    return Request("PUT", url, headers=headers, content=data, retried=False)


def _received(answer: httpx.Response) -> int:
    return parsed(answer, UploadState).received
