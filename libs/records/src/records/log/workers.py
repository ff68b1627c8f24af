"""Who uploads segments and updates the record index: threads of the gateway, or another process.

The conversion of a segment takes tens of milliseconds of processor time or more. In a thread of the
gateway requests wait for it: it holds the interpreter for a part of that time, and it has the same
priority.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import BinaryIO, Protocol

from pydantic import BaseModel, ValidationError

from platform_core.errors import InvalidInput, PlatformError, UpstreamUnavailable
from platform_core.ports.blob_store import BlobStore
from records.index import Indexer
from records.log.uploads import UploadedSegment, upload_in_thread, upload_segment

logger = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-m", "records")
PAUSE_SECONDS = 5.0


class RecordWorker(Protocol):
    """Uploads segments and updates the record index."""

    async def run(self) -> None:
        """Work until cancelled; return if there is nothing to do without being asked."""
        ...

    async def upload(self, file: Path) -> UploadedSegment:
        """Upload a segment file.

        Raises:
            InvalidInput: it can never be uploaded; see `upload_segment`.
            UpstreamUnavailable: it may be uploaded later.
        """
        ...

    async def index(self) -> None:
        """Update the index, unless it is updated all the time.

        Raises:
            UpstreamUnavailable: the blob store cannot be reached.
        """
        ...


class ThreadWorker:
    """Works in threads of this process, when asked."""

    def __init__(self, store: BlobStore, indexer: Indexer) -> None:
        self._upload = upload_in_thread(store)
        self._indexer = indexer

    async def run(self) -> None:
        """Nothing is to be done without being asked."""

    async def upload(self, file: Path) -> UploadedSegment:
        """Upload a segment file; see `upload_segment`."""
        return await self._upload(file)

    async def index(self) -> None:
        """Update the index."""
        await asyncio.to_thread(self._indexer.update)


class ProcessWorker:
    """The process of `python -m records`; one that ended is started again after a pause."""

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause = pause_seconds
        self._process: Process | None = None
        self._asking = asyncio.Lock()

    async def run(self) -> None:
        """Keep the process running until cancelled."""
        try:
            while True:
                try:
                    self._process = await asyncio.create_subprocess_exec(
                        *PROGRAM, stdin=PIPE, stdout=PIPE
                    )
                    code = await self._process.wait()
                    logger.error("python -m records ended with %s; it is started again", code)
                except OSError as error:  # too little memory, for example
                    logger.warning("python -m records cannot be started now: %s", error)
                await asyncio.sleep(self._pause)
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def upload(self, file: Path) -> UploadedSegment:
        """Have the process upload a segment file."""
        async with self._asking:
            reply = await self._ask(str(file))
        if reply.uploaded is not None:
            return reply.uploaded
        raise InvalidInput(reply.reason) if reply.invalid else UpstreamUnavailable(reply.reason)

    async def index(self) -> None:
        """The process updates the index all the time."""

    async def _ask(self, file: str) -> "_Reply":
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise UpstreamUnavailable("python -m records has not started yet; try again")
        try:
            process.stdin.write(f"{file}\n".encode())
            await process.stdin.drain()
            while True:
                reply = _Reply.model_validate_json(await process.stdout.readline())
                if reply.file == file:  # not of a request that was cancelled
                    return reply
        except (OSError, ValidationError) as error:
            raise UpstreamUnavailable(
                "python -m records has ended and is started again; try again"
            ) from error


class _Reply(BaseModel):
    """What became of a segment file: it was uploaded, or the reason why not; `invalid` says that it
    never can be.
    """

    file: str
    uploaded: UploadedSegment | None = None
    invalid: bool = False
    reason: str = ""


def answer_upload_requests(store: BlobStore, requests: BinaryIO, replies: BinaryIO) -> None:
    """Upload the segment files that `requests` names, one a line, until it ends. Write a reply for
    each, one a line.
    """
    for line in requests:
        reply = _upload(line.decode().rstrip("\n"), store)
        replies.write(reply.model_dump_json().encode() + b"\n")
        replies.flush()


def _upload(file: str, store: BlobStore) -> _Reply:
    try:
        return _Reply(file=file, uploaded=upload_segment(Path(file), store))
    except (PlatformError, OSError) as error:
        return _Reply(file=file, invalid=isinstance(error, InvalidInput), reason=str(error))
    except Exception as error:  # the process must survive any segment
        logger.exception("%s was not uploaded", file)
        return _Reply(file=file, reason=repr(error))
