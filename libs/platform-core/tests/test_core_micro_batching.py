"""Requests that arrive together are processed together, and a lone request does not wait."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from platform_core.micro_batching import BatchLimits, MicroBatcher

ROWS, SIZE = 32, 1000


@dataclass(frozen=True)
class Item:
    name: int
    rows: int = 1
    size: int = 10


class BadBatch(Exception):
    """The batch was refused."""


class Server:
    """Records the batches it gets; answers when `answering` is set and refuses items in `bad`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.answering = asyncio.Event()
        self.called = asyncio.Event()
        self.bad: set[int] = set()

    async def __call__(self, items: Sequence[Item]) -> list[int]:
        names = [item.name for item in items]
        self.batches.append(names)
        self.called.set()
        await self.answering.wait()
        if self.bad.intersection(names):
            raise BadBatch(str(names))
        return [10 * name for name in names]


@pytest.fixture
def server() -> Server:
    return Server()


def batcher(server: Server, concurrent: int = 8) -> MicroBatcher[Item, int]:
    return MicroBatcher(server, BatchLimits(ROWS, SIZE, concurrent), BadBatch)


async def send(batch: MicroBatcher[Item, int], item: Item) -> int:
    return await batch(item, item.rows, item.size)


async def after_a_lone_request(server: Server) -> MicroBatcher[Item, int]:
    batch = batcher(server, concurrent=1)
    server.answering.set()
    await send(batch, Item(0))
    await asyncio.sleep(0)  # the batch's task ends
    server.answering.clear()
    server.called.clear()
    return batch


async def send_all(
    batch: MicroBatcher[Item, int], items: Sequence[Item]
) -> list[int | BaseException]:
    return await asyncio.gather(*(send(batch, item) for item in items), return_exceptions=True)


async def test_a_lone_request_is_processed_at_once(server) -> None:
    server.answering.set()
    assert await send(batcher(server), Item(1)) == 10
    assert server.batches == [[1]]


async def test_a_request_after_a_lone_one_is_processed_by_its_own_task(server) -> None:
    tasks = []

    async def process(items: Sequence[Item]) -> list[int]:
        tasks.append(asyncio.current_task())
        return await server(items)

    server.answering.set()
    batch = MicroBatcher(process, BatchLimits(ROWS, SIZE, 8), BadBatch)
    assert await send(batch, Item(1)) == 10
    await asyncio.sleep(0)  # the first batch's task ends
    assert await send(batch, Item(2)) == 20
    assert [task is asyncio.current_task() for task in tasks] == [False, True]
    assert batch.pending == 0


async def test_requests_gather_while_a_lone_one_is_processed(server) -> None:
    batch = await after_a_lone_request(server)
    second = asyncio.create_task(send(batch, Item(1)))
    await server.called.wait()
    others = [asyncio.create_task(send(batch, Item(n))) for n in (2, 3)]
    while batch.pending < 3:
        await asyncio.sleep(0)
    server.answering.set()
    assert await asyncio.gather(second, *others) == [10, 20, 30]
    assert server.batches == [[0], [1], [2, 3]]


async def test_requests_with_the_next_lone_one_are_processed_together(server) -> None:
    batch = batcher(server)
    server.answering.set()  # from now on the server never waits
    await send(batch, Item(0))
    await asyncio.sleep(0)  # the batch's task ends
    assert await send_all(batch, [Item(n) for n in range(1, 5)]) == [10, 20, 30, 40]
    assert await send_all(batch, [Item(n) for n in range(5, 8)]) == [50, 60, 70]
    assert server.batches == [[0], [1], [2, 3, 4], [5, 6, 7]]


async def test_a_lone_request_that_fails_or_is_cancelled_leaves_the_batcher_usable(server) -> None:
    batch = await after_a_lone_request(server)
    cancelled = asyncio.create_task(send(batch, Item(1)))
    await server.called.wait()
    waiting = asyncio.create_task(send(batch, Item(2)))
    while batch.pending < 2:
        await asyncio.sleep(0)
    cancelled.cancel()
    server.answering.set()
    assert await waiting == 20
    server.bad = {3}
    with pytest.raises(BadBatch):
        await send(batch, Item(3))
    assert await send(batch, Item(4)) == 40
    assert batch.pending == 0


async def test_requests_that_arrive_together_make_one_batch_and_get_their_own_results(
    server,
) -> None:
    server.answering.set()
    results = await send_all(batcher(server), [Item(n) for n in range(5)])
    assert results == [0, 10, 20, 30, 40]
    assert server.batches == [[0, 1, 2, 3, 4]]


async def test_while_a_batch_is_in_progress_the_next_requests_gather(server) -> None:
    batch = batcher(server, concurrent=1)
    first = asyncio.create_task(send(batch, Item(0)))
    await server.called.wait()
    others = [asyncio.create_task(send(batch, Item(n))) for n in (1, 2, 3)]
    while batch.pending < 4:
        await asyncio.sleep(0)
    server.answering.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20, 30]
    assert server.batches == [[0], [1, 2, 3]]


async def test_a_slow_batch_does_not_hold_up_the_rest(server) -> None:
    batch = batcher(server, concurrent=2)
    first = asyncio.create_task(send(batch, Item(0)))
    await server.called.wait()
    server.called.clear()
    second = asyncio.create_task(send(batch, Item(1)))
    await asyncio.wait_for(server.called.wait(), 5)  # although the first has no result yet
    server.answering.set()
    assert await asyncio.gather(first, second) == [0, 10]


@pytest.mark.parametrize(
    ("items", "sizes"),
    [
        ([Item(n) for n in range(ROWS + 1)], [ROWS, 1]),
        ([Item(0, rows=ROWS + 5), Item(1)], [1, 1]),
        ([Item(0), Item(1, size=SIZE), Item(2)], [1, 1, 1]),
    ],
)
async def test_a_batch_is_bounded_and_keeps_the_order(server, items, sizes) -> None:
    server.answering.set()
    await send_all(batcher(server), items)
    assert [len(batch) for batch in server.batches] == sizes
    assert [name for batch in server.batches for name in batch] == [item.name for item in items]


async def test_one_bad_request_fails_alone(server) -> None:
    server.answering.set()
    server.bad = {2}
    results = await send_all(batcher(server), [Item(n) for n in range(4)])
    assert [results[0], results[1], results[3]] == [0, 10, 30]
    assert isinstance(results[2], BadBatch)


async def test_any_other_error_fails_the_whole_batch(server) -> None:
    async def down(items: Sequence[Item]) -> list[int]:
        raise ConnectionError(str(len(items)))

    limits = BatchLimits(ROWS, SIZE, 8)
    results = await send_all(MicroBatcher(down, limits, BadBatch), [Item(0), Item(1)])
    assert [str(error) for error in results] == ["2", "2"]


async def test_a_cancelled_caller_does_not_affect_the_others(server) -> None:
    batch = batcher(server)
    tasks = [asyncio.create_task(send(batch, Item(n))) for n in range(3)]
    await server.called.wait()
    tasks[1].cancel()
    server.answering.set()
    assert [await tasks[0], await tasks[2]] == [0, 20]
    assert tasks[1].cancelled() or tasks[1].cancelling()


async def test_pending_requests_are_counted(server) -> None:
    batch = batcher(server)
    tasks = [asyncio.create_task(send(batch, Item(n))) for n in range(2)]
    await server.called.wait()
    assert batch.pending == 2
    server.answering.set()
    await asyncio.gather(*tasks)
    assert batch.pending == 0
