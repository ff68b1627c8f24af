"""Requests that are there together are answered together, and nobody waits for company."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from api_gateway.errors import Overloaded
from api_gateway.predict.grouping import GROUP_BYTES, GROUP_ROWS, GroupLimits, Groups


@dataclass(frozen=True)
class Item:
    name: int
    rows: int = 1
    size: int = 100


class BadGroup(Exception):
    """The far side did not like it."""


class FarSide:
    """Remembers the groups it is asked; answers when it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.answering = asyncio.Event()
        self.asked = asyncio.Event()
        self.bad: set[int] = set()

    async def __call__(self, items: Sequence[Item]) -> list[int]:
        names = [item.name for item in items]
        self.groups.append(names)
        self.asked.set()
        await self.answering.wait()
        if self.bad.intersection(names):
            raise BadGroup(str(names))
        return [10 * name for name in names]


@pytest.fixture
def far() -> FarSide:
    return FarSide()


def groups(far: FarSide, calls: int = 8, requests: int = 1000) -> Groups[Item, int]:
    return Groups(far, GroupLimits(calls, requests), BadGroup)


async def ask_all(ask: Groups[Item, int], items: Sequence[Item]) -> list[int | BaseException]:
    return await asyncio.gather(*(ask(item) for item in items), return_exceptions=True)


async def test_a_lone_request_goes_at_once(far) -> None:
    far.answering.set()
    assert await groups(far)(Item(1)) == 10
    assert far.groups == [[1]]


async def test_requests_that_are_there_together_make_one_call_and_each_gets_its_answer(far) -> None:
    far.answering.set()
    assert await ask_all(groups(far), [Item(n) for n in range(5)]) == [0, 10, 20, 30, 40]
    assert far.groups == [[0, 1, 2, 3, 4]]


async def test_while_a_call_is_under_way_the_others_gather(far) -> None:
    ask = groups(far, calls=1)
    first = asyncio.create_task(ask(Item(0)))
    await far.asked.wait()
    others = [asyncio.create_task(ask(Item(n))) for n in (1, 2, 3)]
    while len(far.groups) < 1 or not all(task.get_coro().cr_await for task in others):
        await asyncio.sleep(0)
    far.answering.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20, 30]
    assert far.groups == [[0], [1, 2, 3]]


async def test_a_call_that_takes_long_does_not_hold_up_the_rest(far) -> None:
    ask = groups(far, calls=2)
    first = asyncio.create_task(ask(Item(0)))
    await far.asked.wait()
    far.asked.clear()
    second = asyncio.create_task(ask(Item(1)))
    await asyncio.wait_for(far.asked.wait(), 5)  # although the first has no answer yet
    far.answering.set()
    assert await asyncio.gather(first, second) == [0, 10]


@pytest.mark.parametrize(
    ("items", "sizes"),
    [
        ([Item(n) for n in range(GROUP_ROWS + 1)], [GROUP_ROWS, 1]),
        ([Item(0, rows=GROUP_ROWS + 5), Item(1)], [1, 1]),
        ([Item(0), Item(1, size=GROUP_BYTES), Item(2)], [1, 1, 1]),
    ],
)
async def test_a_group_is_bounded(far, items, sizes) -> None:
    far.answering.set()
    await ask_all(groups(far), items)
    assert [len(group) for group in far.groups] == sizes
    assert [name for group in far.groups for name in group] == [item.name for item in items]


async def test_one_bad_request_fails_alone(far) -> None:
    far.answering.set()
    far.bad = {2}
    results = await ask_all(groups(far), [Item(n) for n in range(4)])
    assert [results[0], results[1], results[3]] == [0, 10, 30]
    assert isinstance(results[2], BadGroup)


async def test_another_failure_is_everybodys(far) -> None:
    async def down(items: Sequence[Item]) -> list[int]:
        raise ConnectionError(str(len(items)))

    results = await ask_all(Groups(down, GroupLimits(8, 8), BadGroup), [Item(0), Item(1)])
    assert [str(error) for error in results] == ["2", "2"]


async def test_whoever_leaves_takes_nobodys_answer_along(far) -> None:
    ask = groups(far)
    tasks = [asyncio.create_task(ask(Item(n))) for n in range(3)]
    await far.asked.wait()
    tasks[1].cancel()
    far.answering.set()
    assert [await tasks[0], await tasks[2]] == [0, 20]
    assert tasks[1].cancelled() or tasks[1].cancelling()


async def test_who_waits_is_bounded_and_places_are_free_again(far) -> None:
    ask = groups(far, requests=2)
    tasks = [asyncio.create_task(ask(Item(n))) for n in range(2)]
    await far.asked.wait()
    with pytest.raises(Overloaded):
        await ask(Item(2))
    far.answering.set()
    await asyncio.gather(*tasks)
    assert await ask(Item(3)) == 30
