"""`/batch/files/{path}`: the inputs and outputs of batch jobs, streamed in and out.

Uploads can be resumed as with Google's resumable uploads: a `PUT` with `Content-Range` carries a
piece, 308 with `Range` names what has arrived, and `Content-Range: bytes */<size>` asks for it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from api_gateway.auth.authentication import authorize
from api_gateway.auth.keys import AccessRole, Caller
from api_gateway.batch.ranges import (
    ContentRange,
    parse_content_range,
    parse_range,
)
from api_gateway.batch.uploads import PART_BYTES, Upload, Uploads
from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ContentMismatch,
    FileTaken,
    InvalidRange,
    LengthRequired,
    Overloaded,
)
from api_gateway.gateway import Gateway
from api_gateway.http.context import context_of
from api_gateway.http.digests import (
    CONTENT_DIGEST,
    REPR_DIGEST,
    declared_sha256,
    require_digest,
)
from api_gateway.http.json_response import json_response
from api_gateway.http.openapi import operation, optional_header
from api_gateway.http.validation import require_uncompressed
from platform_core.batch import check_file
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import BATCH

ROUTE = "/batch/files/{path:path}"
READ_BYTES = 1 << 20
MAX_UPLOADS = 8
"""Uploads that one gateway receives at once; each has one part in memory."""
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FilePath = Annotated[str, Path(description=f"below `{BATCH}/`, for example `mails.parquet`")]


class StoredFile(BaseModel):
    """A file that was stored; a batch job takes `path` as its `input_path`."""

    path: str
    size: int


class UploadState(BaseModel):
    """An upload of `size` bytes, of which the first `received` have arrived."""

    path: str
    size: int
    received: int


class BinaryResponse(Response):
    """Documents a body of bytes."""

    media_type = "application/octet-stream"


def add_file_routes(router: APIRouter, gateway: Gateway) -> None:
    """Add the routes of the files of batch jobs."""
    files = _Files(gateway)
    router.add_api_route(
        ROUTE,
        files.put,
        methods=["PUT"],
        tags=["batch"],
        status_code=HTTPStatus.CREATED,
        response_model=StoredFile,
        **_upload_operation(),
    )
    router.add_api_route(
        ROUTE,
        files.get,
        methods=["GET"],
        tags=["batch"],
        response_class=BinaryResponse,
        **_download_operation(),
    )
    router.add_api_route(
        ROUTE,
        files.delete,
        methods=["DELETE"],
        tags=["batch"],
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        **operation(
            "Delete a file that was uploaded, complete or not",
            AccessRole.OPERATOR,
            (404, 409, 422),
        ),
    )


class _Files:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._uploads = Uploads(gateway.store, gateway.jobs)
        self._receiving = 0

    async def put(self, request: Request, path: FilePath) -> Response:
        settings, context = self._gateway.settings, context_of(request)
        caller = authorize(context, AccessRole.OPERATOR)
        piece = _piece(context.headers, settings.batch_file_bytes)
        upload = Upload(
            path=check_file(f"{BATCH}/{path}"),
            key=caller.name,
            size=piece.size,
            sha256=declared_sha256(context.headers, REPR_DIGEST),
        )
        digest = declared_sha256(context.headers, CONTENT_DIGEST)
        with self._slot():
            await self._gateway.admit(caller)
            if piece.start is None:
                return await self._progress(upload)
            await asyncio.to_thread(self._uploads.begin, upload, _quota(caller, self._gateway))
            return await self._receive(request, upload, piece, digest)

    async def get(self, request: Request, path: FilePath) -> Response:
        context = context_of(request)
        caller = authorize(context, AccessRole.OPERATOR)
        info = await asyncio.to_thread(self._gateway.store.info, check_file(f"{BATCH}/{path}"))
        await self._gateway.admit(caller)
        start, end, status = _selected(context.headers, info)
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": info.etag,
            "Content-Length": str(end - start),
            "Content-Disposition": "attachment",
        }
        if status is HTTPStatus.PARTIAL_CONTENT:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.size}"
        file = await asyncio.to_thread(self._gateway.store.open, info.path)
        return StreamingResponse(
            _stream(file, start, end), status, headers, BinaryResponse.media_type
        )

    async def delete(self, request: Request, path: FilePath) -> Response:
        caller = authorize(context_of(request), AccessRole.OPERATOR)
        path = check_file(f"{BATCH}/{path}")
        await self._gateway.admit(caller)
        key = None if caller.role is AccessRole.ADMIN else caller.name
        await asyncio.to_thread(self._uploads.delete, path, key)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _receive(
        self, request: Request, upload: Upload, piece: ContentRange, digest: str | None
    ) -> Response:
        if await asyncio.to_thread(self._uploads.is_complete, upload):
            if upload.sha256 is None:
                raise FileTaken(
                    f"{upload.path} is complete; choose another path, or delete it first"
                )
            return _stored(upload)
        if "content-range" in context_of(request).headers:
            await asyncio.to_thread(self._uploads.require_offset, upload, piece.start)
        else:
            await asyncio.to_thread(self._uploads.discard, upload)
        await self._store_body(request, upload, piece.start or 0, digest)
        if piece.end == upload.size:
            await asyncio.to_thread(self._uploads.complete, upload)
        return await self._progress(upload)

    async def _store_body(
        self, request: Request, upload: Upload, first: int, declared: str | None
    ) -> None:
        """Store the body in parts from the offset `first` on; what arrived before an interruption
        is stored as well.

        Raises:
            ContentMismatch: it arrived completely, without its declared digest; none is kept.
        """
        part, offset, digest = bytearray(), first, hashlib.sha256()
        seconds = context_of(request).body_limits.seconds
        try:
            async for data in _body(request, seconds):
                part += data
                if declared is not None:
                    digest.update(data)
                if len(part) >= PART_BYTES:
                    await asyncio.to_thread(self._uploads.append, upload, offset, bytes(part))
                    offset += len(part)
                    part.clear()
        finally:
            if part:
                await asyncio.to_thread(self._uploads.append, upload, offset, bytes(part))
        if declared is not None:
            try:
                require_digest(CONTENT_DIGEST, declared, digest.hexdigest())
            except ContentMismatch:
                await asyncio.to_thread(self._uploads.discard, upload, first)
                raise

    async def _progress(self, upload: Upload) -> Response:
        received = await asyncio.to_thread(self._uploads.progress, upload)
        if received is None:
            return _stored(upload)
        state = UploadState(path=upload.path, size=upload.size, received=received)
        response = json_response(state.model_dump(), HTTPStatus.PERMANENT_REDIRECT)
        if received:
            response.headers["Range"] = f"bytes=0-{received - 1}"
        return response

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._receiving >= MAX_UPLOADS:
            raise Overloaded(f"the gateway is already receiving {MAX_UPLOADS} files; retry shortly")
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1


def _piece(headers: Mapping[str, str], limit: int) -> ContentRange:
    """Return which part of the file a request carries.

    Raises:
        UnsupportedMediaType: the body is compressed (415).
        LengthRequired: its size is not declared (411).
        BodyTooLarge: the file would have more than `limit` bytes (413).
        InvalidRange: `Content-Range` is malformed, or names a size other than the body's (400).
    """
    require_uncompressed(headers)
    declared = headers.get("content-length", "")
    if not declared.isdecimal():
        raise LengthRequired("the Content-Length is missing; declare the size of the body")
    length, given = int(declared), headers.get("content-range")
    piece = parse_content_range(given) if given else ContentRange(0, length, length)
    if piece.size > limit:
        raise BodyTooLarge(
            f"the file has {piece.size} bytes and may have {limit}; split it, and name the folder "
            "of its parts as the input of the job"
        )
    if length != (piece.end or 0) - (piece.start or 0):
        raise InvalidRange(f"the Content-Range is {given!r:.100}, but the body has {length} bytes")
    return piece


async def _body(request: Request, seconds: float) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; `BodyTooSlow` (408) when nothing arrives for `seconds`."""
    more = True
    while more:
        try:
            async with asyncio.timeout(seconds):
                message = await request.receive()
        except TimeoutError as error:
            raise BodyTooSlow(
                f"nothing arrived for {seconds:g} s; ask with 'Content-Range: bytes */<size>' how "
                "much has, and continue there"
            ) from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _selected(headers: Mapping[str, str], info: BlobInfo) -> tuple[int, int, HTTPStatus]:
    """Return the first byte, the end and the status of the requested range of a file."""
    wanted = None
    if "range" in headers and headers.get("if-range", info.etag) == info.etag:
        wanted = parse_range(headers["range"], info.size)
    if wanted is None:
        return 0, info.size, HTTPStatus.OK
    return *wanted, HTTPStatus.PARTIAL_CONTENT


async def _stream(file: pa.NativeFile, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield a range of a file; `BlobChanged` when it is replaced meanwhile."""
    with file:
        file.seek(start)
        while start < end:
            data = await asyncio.to_thread(file.read, min(READ_BYTES, end - start))
            start += len(data)
            yield data


def _stored(upload: Upload) -> Response:
    stored = StoredFile(path=upload.path, size=upload.size)
    return json_response(stored.model_dump(), HTTPStatus.CREATED)


def _quota(caller: Caller, gateway: Gateway) -> int:
    return caller.file_quota_bytes or gateway.settings.batch_file_quota_bytes


def _upload_operation() -> dict[str, Any]:
    declared = operation(
        "Upload an input, at once or in pieces",
        AccessRole.OPERATOR,
        (400, 408, 409, 411, 413, 415, 422, 503, 507),
        [
            optional_header(
                "Content-Range",
                "of a piece: `bytes 0-8388607/20000000`; `bytes */20000000` without a body asks "
                "how much has arrived",
            ),
            optional_header(
                "Repr-Digest",
                "`sha-256=:<base64>:` of the whole file, which is then verified; `Content-Digest` "
                "is the same for the body of one request",
            ),
        ],
    )
    declared["responses"][int(HTTPStatus.PERMANENT_REDIRECT)] = {
        "model": UploadState,
        "description": "More is to come; the header `Range` names what has arrived",
    }
    declared["openapi_extra"]["requestBody"] = {"content": BINARY, "required": True}
    return declared


def _download_operation() -> dict[str, Any]:
    declared = operation(
        "Download an output, or a range of it",
        AccessRole.OPERATOR,
        (404, 416, 422, 503),
        [
            optional_header("Range", "one range: `bytes=0-1023`, `bytes=1024-` or `bytes=-512`"),
            optional_header("If-Range", "the `ETag`: the range is sent only if it is the same"),
        ],
    )
    declared["responses"][int(HTTPStatus.PARTIAL_CONTENT)] = {
        "content": BINARY,
        "description": "The range that was asked for",
    }
    return declared
