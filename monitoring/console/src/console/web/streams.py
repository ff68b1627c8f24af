"""Passes a file on from the gateway while it arrives."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from starlette.responses import StreamingResponse

from mlplatform_client.streams import AsyncDownload


async def passed_on(
    opened: AbstractAsyncContextManager[AsyncDownload], headers: Mapping[str, str], media_type: str
) -> StreamingResponse:
    """Return a response with the content of a file that the gateway sends.

    Raises:
        APIStatusError: the gateway refuses to send it.
    """
    stack = AsyncExitStack()
    file = await stack.enter_async_context(opened)
    size = {} if file.size is None else {"Content-Length": str(file.size)}

    async def chunks() -> AsyncIterator[bytes]:
        async with stack:
            async for chunk in file:
                yield chunk

    return StreamingResponse(chunks(), headers={**headers, **size}, media_type=media_type)
