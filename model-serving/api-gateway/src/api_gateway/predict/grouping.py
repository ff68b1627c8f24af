"""Requests that are there at the same time are answered by one call.

Most of a call's cost does not depend on how many records it carries. A request that finds the way
free goes at once: nothing waits for a group to fill. While calls are under way the others gather,
and go together when one of them ends, when they are a full group, or when they have waited for
`PATIENCE_SECONDS` (a call that takes long must not hold up the rest).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from api_gateway.errors import Overloaded

GROUP_ROWS = 32
GROUP_BYTES = 256 << 10
# So many calls may be under way before others gather: the far side always has work, no more.
BUSY_CALLS = 1
PATIENCE_SECONDS = 0.01


class Sized(Protocol):
    """How much a request carries."""

    @property
    def rows(self) -> int:
        """Its records."""
        ...

    @property
    def size(self) -> int:
        """Its bytes."""
        ...


@dataclass(frozen=True)
class GroupLimits:
    """At most `calls` under way at once, and at most `requests` that wait for their answer."""

    calls: int
    requests: int


Item = TypeVar("Item", bound=Sized)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    future: "asyncio.Future[Result]"
    since: float


class Groups(Generic[Item, Result]):
    """Calls `answer` with groups of requests, within `limits`.

    When `answer` raises `apart` for a group, each of its requests is tried alone, so that one bad
    request fails alone.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        limits: GroupLimits,
        apart: type[Exception],
    ) -> None:
        self._answer = answer
        self._limits = limits
        self._open = 0
        self._apart = apart
        self._rows = 0
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._planned: asyncio.Handle | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the answer to `item`.

        Raises:
            Overloaded: too many requests wait already.
            Exception: what `answer` raises for it.
        """
        if self._open >= self._limits.requests:
            raise Overloaded("too many requests wait for this inference service; try again")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future(), loop.time())
        self._queue.append(waiting)
        self._rows += item.rows
        if self._planned is None:
            # After all that arrived by now has been read.
            self._planned = loop.call_soon(self._send)
        self._open += 1
        try:
            return await waiting.future
        finally:
            self._open -= 1

    def _send(self) -> None:
        self._planned = None
        loop = asyncio.get_running_loop()
        while self._queue and self._may_send(loop.time()):
            task = loop.create_task(self._serve(self._take()))
            self._calls.add(task)
            task.add_done_callback(self._ended)
        if self._queue and len(self._calls) < self._limits.calls:
            self._planned = loop.call_at(self._queue[0].since + PATIENCE_SECONDS, self._send)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._calls.discard(task)
        if self._queue:
            if self._planned is not None:
                self._planned.cancel()
            self._planned = asyncio.get_running_loop().call_soon(self._send)

    def _may_send(self, now: float) -> bool:
        if len(self._calls) < BUSY_CALLS:
            return True
        if len(self._calls) >= self._limits.calls:
            return False
        return self._rows >= GROUP_ROWS or now - self._queue[0].since >= PATIENCE_SECONDS

    def _take(self) -> list[_Waiting[Item, Result]]:
        """Return the next group: at least one request, then what fits beside it."""
        group = [self._queue.popleft()]
        rows, size = group[0].item.rows, group[0].item.size
        while self._queue:
            rows += self._queue[0].item.rows
            size += self._queue[0].item.size
            if rows > GROUP_ROWS or size > GROUP_BYTES:
                break
            group.append(self._queue.popleft())
        self._rows -= sum(waiting.item.rows for waiting in group)
        return group

    async def _serve(self, group: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._answer([waiting.item for waiting in group])
        except Exception as error:  # whoever waits must hear of it
            if isinstance(error, self._apart) and len(group) > 1:
                await asyncio.gather(*(self._serve([waiting]) for waiting in group))
            else:
                _fail(group, error)
        else:
            for waiting, result in zip(group, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)


def _fail(group: list[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in group:
        if not waiting.future.done():
            waiting.future.set_exception(error)
