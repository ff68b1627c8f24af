"""Micro-batching: requests that arrive together are processed by one call.

Most of a call's cost does not depend on how many rows it carries. A lone request is processed at
once: nothing waits for a batch to fill. While batches are in progress the next requests gather.
They are processed when a batch ends, when they fill a batch, or when the oldest has waited for
`PATIENCE_SECONDS` (one slow call must not hold up the rest).

A request that finds the batcher idle waits until everything that has arrived by now was read. When
the last batch had one request, no others are expected, and the caller's own task processes it: a
further task and three turns of the event loop are a tenth of the gateway's CPU for a lone request.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

PATIENCE_SECONDS = 0.01


@dataclass(frozen=True)
class BatchLimits:
    """At most `rows` rows and `size` bytes in a batch, `concurrent` batches at the same time.

    A request that alone exceeds `rows` or `size` is a batch of its own.
    """

    rows: int
    size: int
    concurrent: int = 1


Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    rows: int
    size: int
    future: "asyncio.Future[Result]"
    since: float


class MicroBatcher(Generic[Item, Result]):
    """Calls `process` with batches of requests; it returns one result per request, in order.

    When `process` raises `split_on` for a batch, each of its requests is processed alone, so that
    one bad request fails alone. Any other error is the error of all of them.
    """

    def __init__(
        self,
        process: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        limits: BatchLimits,
        split_on: type[Exception] = Exception,
    ) -> None:
        self._process = process
        self._limits = limits
        self._split_on = split_on
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._queued_rows = 0
        self._pending = 0
        self._active = 0
        self._alone = False
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled: asyncio.Handle | None = None

    @property
    def pending(self) -> int:
        """Number of requests that have no result yet."""
        return self._pending

    async def __call__(self, item: Item, rows: int, size: int) -> Result:
        """Return the result of `item`, which carries `rows` rows and `size` bytes.

        Raises:
            Exception: what `process` raises for it.
        """
        self._pending += 1
        try:
            if self._alone and not self._active and not self._queue:
                return await self._process_alone(item)
            return await self._enqueue(item, rows, size)
        finally:
            self._pending -= 1

    async def _process_alone(self, item: Item) -> Result:
        self._active += 1
        self._alone = False
        # Others that have arrived by now are not alone, even if `_process` never waits.
        asyncio.get_running_loop().call_soon(self._expect_lone_request)
        try:
            (result,) = await self._process([item])
            return result
        finally:
            self._ended()

    def _expect_lone_request(self) -> None:
        self._alone = not self._queue

    def _enqueue(self, item: Item, rows: int, size: int) -> "asyncio.Future[Result]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append(_Waiting(item, rows, size, future, loop.time()))
        self._queued_rows += rows
        if self._scheduled is None:
            self._scheduled = loop.call_soon(self._start_batches)
        return future

    def _start_batches(self) -> None:
        self._scheduled = None
        loop = asyncio.get_running_loop()
        while self._queue and self._may_start(loop.time()):
            self._active += 1
            task = loop.create_task(self._run(self._next_batch()))
            self._running.add(task)
            task.add_done_callback(self._task_ended)
        if self._queue and self._active < self._limits.concurrent:
            due = self._queue[0].since + PATIENCE_SECONDS
            self._scheduled = loop.call_at(due, self._start_batches)

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._ended()

    def _ended(self) -> None:
        self._active -= 1
        if self._queue:
            if self._scheduled is not None:
                self._scheduled.cancel()
            self._scheduled = asyncio.get_running_loop().call_soon(self._start_batches)

    def _may_start(self, now: float) -> bool:
        if not self._active:
            return True
        if self._active >= self._limits.concurrent:
            return False
        full = self._queued_rows >= self._limits.rows
        return full or now - self._queue[0].since >= PATIENCE_SECONDS

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        """Take at least one request from the queue, then the next ones that fit with it."""
        batch = [self._queue.popleft()]
        rows, size = batch[0].rows, batch[0].size
        while self._queue:
            rows += self._queue[0].rows
            size += self._queue[0].size
            if rows > self._limits.rows or size > self._limits.size:
                break
            batch.append(self._queue.popleft())
        self._queued_rows -= sum(waiting.rows for waiting in batch)
        self._alone = len(batch) == 1
        return batch

    async def _run(self, batch: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._process([waiting.item for waiting in batch])
        except Exception as error:  # every caller gets the error, whatever it is
            if isinstance(error, self._split_on) and len(batch) > 1:
                await asyncio.gather(*(self._run([waiting]) for waiting in batch))
            else:
                _fail(batch, error)
        else:
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)


def _fail(batch: Sequence[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
