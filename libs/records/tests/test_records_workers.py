"""Who uploads segments and updates the record index: threads of a process, or another process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import psutil
import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.errors import InvalidInput, PlatformError, UpstreamUnavailable
from platform_core.testing.machine import child_environment
from records import read_log
from records.index import Indexer, RecordIndex
from records.log.segments import SegmentName, frame
from records.log.workers import ProcessWorker, RecordWorker, ThreadWorker

NOW = datetime.now(UTC)
"""The process has the real clock, and looks for new objects in the folders of the last days."""
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
STAGING = Environment.STAGING
DEADLINE_SECONDS = 60
PREDICTION = "0" * 32


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blob")


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {
        "BLOB_STORE_URL": (tmp_path / "blob").as_uri(),
        "RECORD_INDEX_FILE": str(tmp_path / "index.sqlite"),
        "RECORD_INDEX_SECONDS": "0.05",
    }


@pytest.fixture
def index(settings: dict[str, str]) -> RecordIndex:
    return RecordIndex(Path(settings["RECORD_INDEX_FILE"]))


@pytest.fixture(params=["threads", "process"])
def worker(request, settings, store, index, monkeypatch: pytest.MonkeyPatch) -> RecordWorker:
    if request.param == "threads":
        return ThreadWorker(store, Indexer(index, store, SystemClock(), search_text=False))
    return process_worker(settings, monkeypatch)


def process_worker(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ProcessWorker:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return ProcessWorker(pause_seconds=0.05)


@asynccontextmanager
async def at_work(worker: RecordWorker) -> AsyncIterator[None]:
    """Let `worker` run, for at most the deadline."""
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.sleep(0)
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def segment(folder: Path, lines: list[bytes], use_case: str = "iris") -> Path:
    file = folder / SegmentName(use_case, STAGING, HOUR, "1" * 32).file
    file.write_bytes(b"".join(lines))
    return file


def line(prediction_id: str = PREDICTION) -> bytes:
    measured = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    record = {
        "prediction_id": prediction_id,
        "request_id": "r",
        "time": NOW,
        "use_case": "iris",
        "environment": STAGING.value,
        "release_id": "a" * 32,
        "role": "stable",
        "degraded": False,
        "purpose": "live",
        "latency_ms": 1.0,
        "prediction": "setosa",
        "input": dict.fromkeys(measured, 1.0),
        "features": [1.0] * len(measured),
        "probabilities": {"setosa": 1.0},
    }
    return frame(orjson.dumps(record))


def logged(store: LocalBlobStore) -> list[str]:
    batches = read_log(store, "iris", STAGING, HOUR, HOUR + timedelta(hours=1))
    return [one for batch in batches for one in batch["prediction_id"].to_pylist()]


def child_process() -> psutil.Process:
    """Return the process of a worker; fixtures of other tests may have processes as well."""
    children = psutil.Process().children()
    (found,) = [one for one in children if one.cmdline()[-2:] == ["-m", "records"]]
    return found


async def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`; the deadline is that of `at_work`."""
    while not condition():
        await asyncio.sleep(0.01)


async def uploaded(worker: RecordWorker, file: Path):
    """Upload a file; try again while the worker cannot, as the inference log does."""
    while True:
        try:
            return await worker.upload(file)
        except UpstreamUnavailable:
            await asyncio.sleep(0.01)


async def test_a_segment_becomes_an_object_of_its_intact_records(worker, store, tmp_path) -> None:
    async with at_work(worker):
        done = await uploaded(worker, segment(tmp_path, [line(), line()[:20]]))
    assert (done.rows, done.damaged) == (1, 1)
    assert logged(store) == [PREDICTION]


async def test_an_uploaded_record_is_in_the_index(worker, index, tmp_path) -> None:
    async with at_work(worker):
        await uploaded(worker, segment(tmp_path, [line()]))
        await worker.index()
        await until(lambda: PREDICTION in index.find([PREDICTION]))


async def test_what_can_never_be_uploaded_is_told_from_what_may_be_later(
    worker, store, tmp_path
) -> None:
    gone = segment(tmp_path, [line()])
    gone.rename(tmp_path / "kept")
    async with at_work(worker):
        with pytest.raises(InvalidInput, match="fleas"):
            await uploaded(worker, segment(tmp_path, [], "fleas"))
        with pytest.raises((PlatformError, OSError)) as later:
            await worker.upload(gone)
        assert not isinstance(later.value, InvalidInput)
        (tmp_path / "kept").rename(gone)
        await uploaded(worker, gone)
    assert logged(store) == [PREDICTION]


async def test_the_answer_to_a_cancelled_request_is_not_taken_for_the_next_one(
    settings, monkeypatch, tmp_path
) -> None:
    worker = process_worker(settings, monkeypatch)
    first = segment(tmp_path, [line("1" * 32), line("2" * 32)])
    second = tmp_path / first.name.replace("1" * 32, "3" * 32)
    second.write_bytes(line("3" * 32))
    async with at_work(worker):
        await uploaded(worker, first)
        cancelled = asyncio.create_task(worker.upload(first))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert (await worker.upload(second)).rows == 1


async def test_a_killed_process_is_started_again(settings, monkeypatch, store, tmp_path) -> None:
    worker = process_worker(settings, monkeypatch)
    file = segment(tmp_path, [line()])
    async with at_work(worker):
        await uploaded(worker, file)
        child = child_process()
        child.kill()
        await asyncio.to_thread(child.wait, DEADLINE_SECONDS)
        await uploaded(worker, file)
        other = child_process()
        assert other.pid != child.pid
    assert logged(store) == [PREDICTION]
    assert not other.is_running()


def test_it_ends_with_its_standard_input_and_not_by_a_signal(settings, store, tmp_path) -> None:
    command = [sys.executable, "-m", "records"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    file = segment(tmp_path, [line()])
    with subprocess.Popen(command, env=child_environment(settings), **pipes) as process:
        for number in (None, signal.SIGINT, signal.SIGTERM):
            if number is not None:
                os.kill(process.pid, number)
            process.stdin.write(f"{file}\n".encode())
            process.stdin.flush()
            assert orjson.loads(process.stdout.readline())["uploaded"]["rows"] == 1
        process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == 0
    assert logged(store) == [PREDICTION]
