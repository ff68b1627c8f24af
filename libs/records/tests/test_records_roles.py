"""The records of one prediction: its answer, its shadow's, and that of a canary that failed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from no_metrics import NoMetrics

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.serving_state import ServingRole
from records import InferenceLog, SegmentLimits, Spool, read_log
from records.index import Indexer, RecordIndex, RecordQuery, search
from records.log.uploads import upload_in_thread
from records.lookup import RecordLookup

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
STAGING = Environment.STAGING
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blob")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", SegmentLimits(100, MINUTE, 1 << 20), ManualClock(NOON))
    yield spool
    spool.close()


@pytest.fixture
def log(spool: Spool, store: LocalBlobStore) -> InferenceLog:
    return InferenceLog(spool, upload_in_thread(store), NoMetrics(), answer_unlogged=False)


@pytest.fixture
def index(tmp_path: Path) -> RecordIndex:
    return RecordIndex(tmp_path / "records.db")


def record(prediction_id: str, role: str = "stable", **fields: Any) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "request_id": "r",
        "time": NOON,
        "use_case": "spam",
        "environment": STAGING.value,
        "release_id": {"stable": "a", "canary": "b", "shadow": "c"}[role] * 32,
        "role": role,
        "degraded": False,
        "purpose": "live",
        "latency_ms": 1.0,
        "input": {"email_id": "one", "subject": "hello", "body": "", "sender": ""},
        "features": [],
        "probabilities": {"ham": 0.4, "spam": 0.6},
        "prediction": "spam",
    } | fields


def failed(prediction_id: str) -> dict[str, Any]:
    empty = {"prediction": None, "probabilities": {}, "failed": True}
    return record(prediction_id, "canary", **empty)


def new_id() -> str:
    return new_prediction_id(milliseconds(NOON))


@pytest.mark.parametrize("indexed", [False, True], ids=["in the log", "indexed"])
@pytest.mark.parametrize("uploaded", [False, True], ids=["in the spool", "uploaded"])
async def test_a_prediction_is_found_with_all_its_records(
    log, store, spool, index, uploaded, indexed
) -> None:
    one = new_id()
    log.append_records("spam", STAGING, [record(one, "shadow"), failed(one), record(one)])
    log.append_records("spam", STAGING, [record(new_id())])
    if uploaded:
        await log.flush()
    if indexed:
        Indexer(index, store, ManualClock(NOON), search_text=True).update()
    found = RecordLookup(store, spool.folder, index).records(one)
    assert found[0].is_answer
    assert [each.role for each in found if each.is_answer] == ["stable"]
    assert {each.role for each in found} == set(ServingRole)
    assert [each.prediction for each in found if each.failed] == [None]


async def test_records_in_different_places_are_found_together(log, store, spool, index) -> None:
    one = new_id()
    log.append_records("spam", STAGING, [record(one)])
    await log.flush()
    Indexer(index, store, ManualClock(NOON), search_text=True).update()
    log.append_records("spam", STAGING, [record(one, "shadow")])
    found = RecordLookup(store, spool.folder, index).records(one)
    assert [each.role for each in found] == ["stable", "shadow"]


async def test_search_and_labels_see_the_answer_alone(log, store, index) -> None:
    one, other = new_id(), new_id()
    asked = record(other, "shadow", purpose="try")
    log.append_records("spam", STAGING, [record(one, "shadow"), failed(one), record(one), asked])
    await log.flush()
    Indexer(index, store, ManualClock(NOON), search_text=True).update()
    for query in (RecordQuery("spam"), RecordQuery("spam", words="hello")):
        page = search(index, query)
        found = {each.record.prediction_id: each.record.role for each in page.records}
        assert found == {one: "stable", other: "shadow"}
        assert len(page.records) == 2
    assert index.find([one])[one].role == "stable"
    index.erase([one])
    assert index.paths(one) == []
    assert [each.record.prediction_id for each in search(index, RecordQuery("spam")).records] == [
        other
    ]


async def test_failures_are_read_only_where_they_are_asked_for(log, store) -> None:
    one = new_id()
    log.append_records("spam", STAGING, [failed(one), record(one), record(one, "shadow")])
    await log.flush()

    def roles(columns: list[str] | None) -> list[str]:
        batches = read_log(store, "spam", STAGING, NOON - HOUR, NOON + HOUR, columns)
        return sorted(role for batch in batches for role in batch.column("role").to_pylist())

    assert roles(["role"]) == ["shadow", "stable"]
    assert roles(["role", "failed"]) == ["canary", "shadow", "stable"]
    assert roles(None) == ["canary", "shadow", "stable"]


async def test_records_are_in_the_partition_of_their_own_hour(log, store) -> None:
    times = [NOON, NOON + HOUR]
    records = [record(new_prediction_id(milliseconds(time)), time=time) for time in times]
    log.append_records("spam", STAGING, records)
    await log.flush()
    for time in times:
        hour = time.replace(minute=0)
        batches = list(read_log(store, "spam", STAGING, hour, hour + HOUR))
        assert [batch.num_rows for batch in batches] == [1]


def test_segments_of_a_use_case_may_be_sealed_earlier(spool, log) -> None:
    log.append_records("spam", STAGING, [record(new_id())])
    spool.seal_old(lambda _: MINUTE)
    assert spool.sealed == ()
    spool.seal_old(lambda name: timedelta(0) if name == "spam" else MINUTE)
    assert len(spool.sealed) == 1


def test_an_index_of_another_version_is_rebuilt(index) -> None:
    index.set_state("complete", "2026-01-05T12:00:00+00:00")
    with index.connection() as database:
        database.execute("pragma user_version = 1")
    assert not index.complete
