"""Requests that arrive together are computed together.

Most of what one record costs is paid per call, not per row. Nothing waits for a batch to fill:
a batch is what has arrived while the event loop, or the batch before, was busy.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

import pyarrow as pa

BATCH_ROWS = 32
# A request with more rows or bytes than this is a batch of its own, in a thread.
SMALL_ROWS = BATCH_ROWS
SMALL_BYTES = 128 << 10


class Sliceable(Protocol):
    """N results that can be taken apart."""

    def slice(self, start: int, rows: int) -> Self:
        """Return the results of `rows` rows from `start` on."""
        ...


Result = TypeVar("Result", bound=Sliceable)
Waiting = tuple[pa.RecordBatch, asyncio.Future]


def never(batch: pa.RecordBatch) -> bool:
    """Say that a batch waits for nothing."""
    del batch
    return False


class Batcher(Generic[Result]):
    """Calls `function` for all small requests that wait, one batch after the other.

    Batches that `waits` says may wait (for an online store) run in a thread, the others in the
    event loop.
    """

    def __init__(
        self,
        function: Callable[[pa.RecordBatch], Result],
        waits: Callable[[pa.RecordBatch], bool],
    ) -> None:
        self._function = function
        self._waits = waits
        self._queue: deque[Waiting] = deque()
        self._worker: asyncio.Task | None = None

    async def __call__(self, batch: pa.RecordBatch) -> Result:
        """Return `function(batch)`, computed together with what else waits.

        Raises:
            Exception: whatever `function` raises for this batch.
        """
        if batch.num_rows > SMALL_ROWS or batch.nbytes > SMALL_BYTES:
            return await asyncio.to_thread(self._function, batch)
        future = asyncio.get_running_loop().create_future()
        self._queue.append((batch, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._queue:
                await self._serve(self._take())
                await asyncio.sleep(0)  # let those who have their answer go on
        finally:
            self._worker = None

    async def _serve(self, group: list[Waiting]) -> None:
        try:
            batch = pa.concat_batches([batch for batch, _ in group])
            result = await self._compute(batch)
        except Exception as error:
            await self._failed(group, error)
            return
        start = 0
        for batch, future in group:
            if not future.cancelled():
                future.set_result(result.slice(start, batch.num_rows))
            start += batch.num_rows

    async def _failed(self, group: list[Waiting], error: Exception) -> None:
        """Let one bad request fail alone: try each by itself."""
        if len(group) > 1:
            for waiting in group:
                await self._serve([waiting])
        elif not group[0][1].cancelled():
            group[0][1].set_exception(error)

    async def _compute(self, batch: pa.RecordBatch) -> Result:
        if self._waits(batch):
            return await asyncio.to_thread(self._function, batch)
        return self._function(batch)

    def _take(self) -> list[Waiting]:
        group: list[Waiting] = []
        rows = 0
        while self._queue and rows + self._queue[0][0].num_rows <= BATCH_ROWS:
            group.append(self._queue.popleft())
            rows += group[-1][0].num_rows
        return group
