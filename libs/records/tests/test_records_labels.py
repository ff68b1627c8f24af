"""Labels: they survive, and each record has the one that became known last."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from no_metrics import NoMetrics

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id, prediction_time
from platform_core.errors import InvalidData, InvalidInput
from records import (
    InferenceLog,
    SegmentLimits,
    Spool,
    current_labels,
    label_table,
    read_labelled,
    read_labels,
)
from records.log.uploads import upload_in_thread
from use_cases import use_case

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
IRIS = use_case("iris")
LIMITS = SegmentLimits(records=100, age=timedelta(seconds=60), size=1 << 20)


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blob")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", LIMITS, ManualClock(NOON))
    yield spool
    spool.close()


@pytest.fixture
def log(spool: Spool, store: LocalBlobStore) -> InferenceLog:
    return InferenceLog(spool, upload_in_thread(store), NoMetrics(), answer_unlogged=False)


def prediction(time: datetime = NOON) -> str:
    return new_prediction_id(milliseconds(time))


def label(
    prediction_id: str, value: str | float, after: int = 1, received: int = 0
) -> PredictionLabel:
    known = prediction_time(prediction_id) + timedelta(minutes=after)
    return PredictionLabel(
        prediction_id=prediction_id,
        use_case="iris",
        label=value,
        known_at=known,
        said_by="operator",
        received_at=known + timedelta(minutes=received),
    )


def record(prediction_id: str) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "request_id": "r",
        "time": prediction_time(prediction_id),
        "use_case": "iris",
        "environment": "staging",
        "release_id": "a" * 32,
        "input": {},
        "features": [1.0],
        "probabilities": {"setosa": 1.0},
        "prediction": "setosa",
        "degraded": False,
        "purpose": "live",
        "latency_ms": 1.0,
    }


def answer(log: InferenceLog, *ids: str) -> None:
    for one in ids:
        log.append("iris", Environment.STAGING, prediction_time(one), [record(one)])


def labelled(store: LocalBlobStore, **options: Any) -> dict[str, str | None]:
    window = (NOON - DAY, NOON + 2 * DAY)
    batches = read_labelled(store, IRIS, "staging", *window, ["prediction"], **options)
    return {r["prediction_id"]: r["label"] for batch in batches for r in batch.to_pylist()}


async def test_a_label_is_found_whether_it_comes_before_or_after_its_record(log, store) -> None:
    first, second, third = prediction(), prediction(NOON + DAY), prediction()
    log.append_labels([label(first, "setosa")])
    await log.flush()
    answer(log, first, second, third)
    await log.flush()
    log.append_labels([label(second, "virginica")])
    await log.flush()
    assert labelled(store) == {first: "setosa", second: "virginica", third: None}


async def test_a_label_without_a_record_labels_nothing(log, store) -> None:
    one = prediction()
    answer(log, one)
    log.append_labels([label(prediction(), "setosa")])
    await log.flush()
    assert labelled(store) == {one: None}


async def test_labels_survive_the_process_that_took_them(tmp_path, store) -> None:
    one = prediction()
    for process in range(2):
        spool = Spool(tmp_path / "spool", LIMITS, ManualClock(NOON))
        log = InferenceLog(spool, upload_in_thread(store), NoMetrics(), answer_unlogged=False)
        if process == 0:
            log.append_labels([label(one, "setosa")])
        else:
            await log.flush()
        spool.close()
    assert read_labels(store, IRIS, NOON, NOON)["prediction_id"].to_pylist() == [one]


async def test_labels_are_stored_by_the_day_of_their_predictions(log, store) -> None:
    log.append_labels([label(prediction(), "setosa"), label(prediction(NOON + DAY), "setosa")])
    await log.flush()
    assert [blob.path.rpartition("/")[0] for blob in store.list("labels")] == [
        "labels/use_case=iris/date=2026-01-05",
        "labels/use_case=iris/date=2026-01-06",
    ]
    assert read_labels(store, IRIS, NOON + DAY, NOON + DAY).num_rows == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_label_that_became_known_last_counts_in_any_order(log, store, order) -> None:
    one = prediction()
    history = [label(one, "setosa"), label(one, "versicolor", 2), label(one, "virginica", 3)]
    answer(log, one)
    for index in order:
        log.append_labels([history[index]])
        await log.flush()
    assert labelled(store) == {one: "virginica"}
    kept = read_labels(store, IRIS, NOON, NOON)["label"].to_pylist()
    assert sorted(kept) == ["setosa", "versicolor", "virginica"]


async def test_a_past_view_has_the_labels_that_were_there_then(log, store) -> None:
    one = prediction()
    answer(log, one)
    log.append_labels([label(one, "setosa", 1), label(one, "virginica", 2, received=60)])
    await log.flush()
    assert labelled(store, as_of=prediction_time(one)) == {one: None}
    assert labelled(store, as_of=NOON + timedelta(minutes=30)) == {one: "setosa"}
    assert labelled(store) == {one: "virginica"}


def test_an_empty_label_table_has_the_type_of_the_classes() -> None:
    empty = label_table(IRIS, [])
    assert current_labels(empty).num_rows == 0
    assert empty.schema.field("label").type == "string"


def test_a_label_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InvalidData, match="iris"):
        label_table(IRIS, [label(prediction(), 1.5)])


def test_a_label_with_a_malformed_prediction_id_is_refused(log) -> None:
    wrong = label(prediction(), "setosa").model_copy(update={"prediction_id": "p1"})
    with pytest.raises(InvalidInput, match="not a prediction_id"):
        log.append_labels([wrong])
    assert log.backlog == (0, 0)
