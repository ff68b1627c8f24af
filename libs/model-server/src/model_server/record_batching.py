"""Micro-batches of Arrow record batches: requests that arrive together are computed together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, Self, TypeVar

import pyarrow as pa

from platform_core.micro_batching import BatchLimits, MicroBatcher

# A request with more rows or bytes than this is computed alone, in a thread.
LIMITS = BatchLimits(rows=32, size=128 << 10)


class Sliceable(Protocol):
    """Results of N rows that can be divided."""

    def slice(self, start: int, rows: int) -> Self:
        """Return the results of `rows` rows from `start` on."""
        ...


Result = TypeVar("Result", bound=Sliceable)


class RecordBatcher(Generic[Result]):
    """Calls `function` with micro-batches of record batches, one after the other.

    `at_once` is called first, in the event loop. Where it returns `None`, because the result may
    have to wait for an online store, `function` computes it in a thread.
    """

    def __init__(
        self,
        function: Callable[[pa.RecordBatch], Result],
        at_once: Callable[[pa.RecordBatch], Result | None],
    ) -> None:
        self._function = function
        self._at_once = at_once
        self._batcher = MicroBatcher(self._process, LIMITS)

    async def __call__(self, batch: pa.RecordBatch) -> Result:
        """Return `function(batch)`.

        Raises:
            Exception: what `function` raises for this batch.
        """
        rows, size = batch.num_rows, batch.get_total_buffer_size()
        if rows > LIMITS.rows or size > LIMITS.size:
            return await asyncio.to_thread(self._function, batch)
        return await self._batcher(batch, rows, size)

    async def _process(self, batches: Sequence[pa.RecordBatch]) -> list[Result]:
        if len(batches) == 1:
            return [await self._compute(batches[0])]
        result = await self._compute(pa.concat_batches(batches))
        results, start = [], 0
        for batch in batches:
            results.append(result.slice(start, batch.num_rows))
            start += batch.num_rows
        return results

    async def _compute(self, batch: pa.RecordBatch) -> Result:
        result = self._at_once(batch)
        return await asyncio.to_thread(self._function, batch) if result is None else result
