import asyncio
import threading
from dataclasses import dataclass

import pyarrow as pa
import pytest

from model_server import RecordBatcher


@dataclass
class Doubled:
    values: list[int]

    def slice(self, start: int, rows: int) -> "Doubled":
        return Doubled(self.values[start : start + rows])


class Work:
    """Doubles numbers; refuses -13. Remembers its batches and where they ran."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, batch: pa.RecordBatch) -> Doubled:
        self.batches.append(batch.num_rows)
        self.threads.add(threading.get_ident())
        values = batch.column(0).to_pylist()
        if -13 in values:
            raise ValueError("-13 brings bad luck")
        return Doubled([2 * value for value in values])


def rows(*values: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(values, pa.int64())], names=["value"])


def may_block(batch: pa.RecordBatch) -> None:
    return None


@pytest.fixture
def work():
    return Work()


async def test_one_request_is_answered_alone(work):
    assert await RecordBatcher(work, at_once=work)(rows(21)) == Doubled([42])


@pytest.mark.parametrize("blocks", [False, True])
async def test_waiting_requests_share_batches_and_get_their_own_results(work, blocks):
    batcher = RecordBatcher(work, at_once=may_block if blocks else work)

    answers = await asyncio.gather(*[batcher(rows(n, n + 1)) for n in range(0, 200, 2)])

    assert [a.values for a in answers] == [[2 * n, 2 * n + 2] for n in range(0, 200, 2)]
    assert sum(work.batches) == 200
    assert max(work.batches) <= 32
    assert len(work.batches) <= 8


async def test_batches_that_block_run_in_a_thread_and_the_others_do_not(work):
    await RecordBatcher(work, at_once=work)(rows(1))
    assert work.threads == {threading.get_ident()}
    work.threads.clear()

    await RecordBatcher(work, at_once=may_block)(rows(1))

    assert threading.get_ident() not in work.threads


async def test_a_large_request_runs_in_a_thread(work):
    answer = await RecordBatcher(work, at_once=work)(rows(*range(100, 200)))

    assert answer.values[:2] == [200, 202]
    assert work.batches == [100]
    assert threading.get_ident() not in work.threads


async def test_a_bad_request_fails_alone(work):
    batcher = RecordBatcher(work, at_once=work)

    results = await asyncio.gather(
        *[batcher(rows(n)) for n in (12, -13, 14)], return_exceptions=True
    )

    assert [results[0], results[2]] == [Doubled([24]), Doubled([28])]
    assert isinstance(results[1], ValueError)
    assert await batcher(rows(15)) == Doubled([30])


async def test_a_cancelled_caller_does_not_affect_the_others(work):
    batcher = RecordBatcher(work, at_once=work)
    leaving = asyncio.create_task(batcher(rows(1)))
    staying = asyncio.create_task(batcher(rows(2)))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying == Doubled([4])


async def test_requests_without_rows_are_answered(work):
    assert await RecordBatcher(work, at_once=work)(rows()) == Doubled([])
