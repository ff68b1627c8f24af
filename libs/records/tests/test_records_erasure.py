"""Erasure: nothing of a record is left, whatever happens while it is erased."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from no_metrics import NoMetrics

from platform_core import storage
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.batch import BatchJob
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.release import Lineage
from platform_core.errors import NotFound, UpstreamUnavailable
from platform_core.parquet import read_table, write_table
from records import InferenceLog, SegmentLimits, Spool
from records.erasure import Erasure
from records.index import Indexer, RecordIndex, RecordQuery, search
from records.log.uploads import upload_in_thread
from use_cases import use_case

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
SPAM = use_case("spam")
SECRET = "unmistakable"
RELEASE = "a" * 32


class DyingStore(LocalBlobStore):
    """A store that dies at the write or deletion of this number."""

    dies_at = -1
    changes = 0

    def write(self, path: str, data: bytes) -> str:
        self._count()
        return super().write(path, data)

    def delete(self, path: str) -> None:
        self._count()
        super().delete(path)

    def _count(self) -> None:
        self.changes += 1
        if self.changes == self.dies_at:
            raise UpstreamUnavailable("the process dies here")


@pytest.fixture
def store(tmp_path: Path) -> DyingStore:
    return DyingStore(tmp_path / "blob")


@pytest.fixture
def log(tmp_path: Path, store: DyingStore) -> Iterator[InferenceLog]:
    limits = SegmentLimits(100, timedelta(seconds=60), 1 << 20)
    spool = Spool(tmp_path / "spool", limits, ManualClock(NOON))
    yield InferenceLog(spool, upload_in_thread(store), NoMetrics(), answer_unlogged=False)
    spool.close()


@pytest.fixture
def indexer(tmp_path: Path, store: DyingStore) -> Indexer:
    index = RecordIndex(tmp_path / "records.db")
    return Indexer(index, store, ManualClock(NOON), search_text=True)


def record(record_id: str, body: str) -> dict[str, Any]:
    return {
        "prediction_id": new_prediction_id(milliseconds(NOON)),
        "request_id": "r",
        "time": NOON,
        "use_case": "spam",
        "environment": "production",
        "release_id": RELEASE,
        "input": {"email_id": record_id, "subject": "s", "body": body, "sender": "***@a.com"},
        "features": [1.0],
        "probabilities": {"ham": 0.5, "spam": 0.5},
        "prediction": "spam",
        "degraded": False,
        "purpose": "live",
        "latency_ms": 1.0,
    }


async def fill(store: LocalBlobStore, log: InferenceLog) -> tuple[str, str, str]:
    """Log a record twice and another one once, with labels, a dataset, a release and a job."""
    records = [record("x", SECRET), record("x", SECRET), record("y", "harmless")]
    log.append("spam", Environment.PRODUCTION, NOON, records)
    ids = tuple(one["prediction_id"] for one in records)
    log.append_labels(
        [
            PredictionLabel(
                prediction_id=one,
                use_case="spam",
                label="ham",
                known_at=NOON,
                said_by="k",
                received_at=NOON,
            )
            for one in ids
        ]
    )
    await log.flush()
    table = pa.table({"email_id": ["x", "y"], "body": [SECRET, "harmless"]})
    write_table(store, "batch/out.parquet", table)
    job = BatchJob(
        job_id="j",
        use_case="spam",
        environment=Environment.STAGING,
        input_path="batch/in.parquet",
        output_path="batch/out.parquet",
        release_id=RELEASE,
        submitted_at=NOON,
    )
    store.write(storage.job_path("j"), job.model_dump_json().encode())
    write_table(store, storage.dataset_path("spam", "v1", storage.RECORDS_FILE), table)
    lineage = Lineage(
        release_id=RELEASE,
        created_at=NOON,
        dataset_version="v1",
        data_source="f",
        pipeline_run="r",
        candidate="c",
        parameters={},
        metrics={},
    )
    path = storage.release_path("spam", RELEASE, storage.LINEAGE_FILE)
    store.write(path, lineage.model_dump_json().encode())
    return ids


def erasure(store: LocalBlobStore) -> Erasure:
    return Erasure(store, ManualClock(NOON), SPAM, "jane")


def logged(store: LocalBlobStore, container: str, column: str = "prediction_id") -> list[str]:
    paths = [blob.path for blob in store.list(container) if blob.path.endswith(".parquet")]
    return [value for path in paths for value in read_table(store, path)[column].to_pylist()]


async def test_a_record_is_erased_everywhere(store, log) -> None:
    first, second, other = await fill(store, log)
    report = erasure(store).erase_record("x")
    assert set(report.predictions) == {first, second}
    assert (report.datasets, report.releases) == (["v1"], [RELEASE])
    assert logged(store, "inference-logs") == logged(store, "labels") == [other]
    assert logged(store, "batch", "email_id") == ["y"]
    audit = [store.read(blob.path) for blob in store.list("labels/_erased")]
    assert len(audit) == 3
    assert all(b"jane" in entry and SECRET.encode() not in entry for entry in audit)


async def test_one_prediction_is_erased_and_the_others_of_its_record_stay(store, log) -> None:
    first, second, other = await fill(store, log)
    report = erasure(store).erase_prediction(first)
    assert report.predictions == [first]
    assert (report.datasets, report.releases) == (["v1"], [RELEASE])
    assert sorted(logged(store, "inference-logs")) == sorted([second, other])
    assert sorted(logged(store, "labels")) == sorted([second, other])


@pytest.mark.parametrize("change", range(1, 8))
async def test_an_erasure_that_was_killed_is_finished_by_the_next(store, log, change) -> None:
    *_, other = await fill(store, log)
    store.changes, store.dies_at = 0, change
    try:
        erasure(store).erase_record("x")
    except UpstreamUnavailable:
        store.dies_at = -1
        erasure(store).erase_record("x")
    assert logged(store, "inference-logs") == logged(store, "labels") == [other]
    assert logged(store, "batch", "email_id") == ["y"]
    assert erasure(store).erase_record("x").objects == []


async def test_a_segment_that_is_uploaded_later_does_not_bring_a_record_back(store, log) -> None:
    first, *_ = await fill(store, log)
    erasure(store).erase_prediction(first)
    late = record("x", SECRET) | {"prediction_id": first}
    log.append("spam", Environment.PRODUCTION, NOON, [late])
    await log.flush()
    assert first not in logged(store, "inference-logs")


async def test_the_index_forgets_what_was_erased(store, log, indexer, tmp_path) -> None:
    *_, other = await fill(store, log)
    indexer.update()
    index = RecordIndex(tmp_path / "records.db")
    assert len(search(index, RecordQuery("spam", SECRET)).records) == 2
    erasure(store).erase_record("x")
    indexer.update()
    assert search(index, RecordQuery("spam", SECRET)).records == []
    assert [one.record.prediction_id for one in search(index, RecordQuery("spam")).records] == [
        other
    ]
    assert SECRET.encode() not in (tmp_path / "records.db").read_bytes()


async def test_an_unknown_prediction_cannot_be_erased(store, log) -> None:
    await fill(store, log)
    with pytest.raises(NotFound, match="no prediction"):
        erasure(store).erase_prediction(new_prediction_id(milliseconds(NOON)))
    with pytest.raises(NotFound, match="have no id"):
        Erasure(store, ManualClock(NOON), use_case("iris"), "jane").erase_record("x")
