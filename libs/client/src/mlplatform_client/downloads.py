"""Downloads: to a file, continued after an interruption, or as a stream."""

from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import httpx

from mlplatform_client.errors import MlplatformError, TransferError
from mlplatform_client.flows import Flow, Receive, Request, Work
from mlplatform_client.retries import pause_after
from mlplatform_client.uploads import Progress


class PartialFile:
    """The part of a download that has arrived."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self.received = 0
        self.size: int | None = None
        self.etag = ""

    @property
    def complete(self) -> bool:
        """Whether everything has arrived."""
        return self.received == self.size

    def range_headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest."""
        if not self.received:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self.etag}

    def begin(self, response: httpx.Response) -> None:
        """Take the headers of a response.

        Raises:
            TransferError: the file changed since the first part arrived, or its length is not sent.
        """
        path, length = response.request.url.path, response.headers.get("Content-Length", "")
        if self.received and response.status_code != HTTPStatus.PARTIAL_CONTENT:
            raise TransferError(f"{path} changed while it was downloaded; start again")
        if not length.isdecimal():
            raise TransferError(
                f"the response for {path} has no Content-Length; does a proxy drop it?"
            )
        self.etag = response.headers.get("ETag", "")
        self.size = self.received + int(length)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self.received += len(chunk)
        if self._progress and self.size is not None:
            self._progress(self.received, self.size)


def download_file(
    url: str, target: Path, progress: Progress | None, max_retries: int
) -> Flow[Path]:
    """Write a file of the gateway to `target`; nothing is there before all has arrived."""
    partial = target.with_name(f".{target.name}.part")
    try:
        file = yield Work(lambda: partial.open("wb"))
        with file:
            yield from _received(url, PartialFile(file, progress), max_retries)
        yield Work(lambda: partial.replace(target))
    finally:
        partial.unlink(missing_ok=True)
    return target


def _received(url: str, part: PartialFile, max_retries: int) -> Flow[None]:
    failures = 0
    while not part.complete:
        before = part.received
        request = Request("GET", url, headers=part.range_headers())
        try:
            yield Receive(request, part)
        except MlplatformError as error:
            if part.complete:
                return
            failures = 0 if part.received > before else failures
            failures = yield from pause_after(error, request, failures, max_retries)
