"""The inference log: what is written is read back, and only what the window holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord, Purpose
from platform_core.errors import InvalidData, InvalidInput
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import log_object_path
from records import LogColumns, read_log

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
RECORDS = pa.schema([("email_id", pa.string()), ("size", pa.int64())])
COLUMNS = LogColumns(RECORDS, ["ham", "spam"])


def record(number: int, time: datetime) -> InferenceRecord:
    return InferenceRecord(
        prediction_id=f"p{number}",
        request_id=f"r{number}",
        time=time,
        use_case="spam",
        environment=Environment.STAGING,
        release_id="a" * 32,
        input={"email_id": str(number), "size": number},
        features=[float(number), None],
        probabilities={"ham": 0.25, "spam": 0.75},
        prediction="spam",
        degraded=True,
        purpose=Purpose.LIVE,
        latency_ms=1.5,
    )


def write(store: LocalBlobStore, segment: str, *records: InferenceRecord) -> str:
    path = log_object_path("spam", "staging", records[0].time, segment)
    write_table(store, path, COLUMNS.table(records))
    return path


def ids(store: LocalBlobStore, start: datetime, end: datetime) -> list[str]:
    batches = read_log(store, "spam", "staging", start, end, ["prediction_id"])
    return sorted(value for batch in batches for value in batch.column(0).to_pylist())


def test_the_schema_names_every_part_of_a_record_with_its_type() -> None:
    types = {field.name: str(field.type) for field in COLUMNS.schema}
    assert types["time"] == "timestamp[us, tz=UTC]"
    assert types["input.email_id"] == "string"
    assert types["input.size"] == "int64"
    assert types["features"] == "list<item: float>"
    assert types["probability.spam"] == "double"


def test_a_table_has_one_row_per_record() -> None:
    table = COLUMNS.table([record(1, NOON), record(2, NOON)])
    assert table.schema == COLUMNS.schema
    row = table.to_pylist()[1]
    assert row["prediction_id"] == "p2"
    assert row["input.size"] == 2
    assert row["features"] == [2.0, None]
    assert row["probability.ham"] == 0.25
    assert row["time"] == NOON
    assert row["purpose"] == "live"
    assert row["degraded"] is True


def test_no_records_make_an_empty_table() -> None:
    assert COLUMNS.table([]).num_rows == 0


def test_a_value_of_the_wrong_type_is_named() -> None:
    wrong = record(1, NOON).model_copy(update={"input": {"email_id": "1", "size": "many"}})
    with pytest.raises(InvalidData, match="many") as caught:
        COLUMNS.table([wrong])
    assert wrong.prediction_id not in str(caught.value), "the rest of a record is not for logs"


def test_unknown_fields_and_missing_ones_are_refused_by_name() -> None:
    document = record(1, NOON).model_dump(mode="json")
    with pytest.raises(InvalidData, match="unknown fields: colour"):
        COLUMNS.read([orjson.dumps(document | {"colour": "red"})])
    del document["purpose"]
    with pytest.raises(InvalidData, match="lack the fields purpose"):
        COLUMNS.read([orjson.dumps(document)])


def test_the_path_is_the_hour_of_the_record_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    path = log_object_path("spam", "production", datetime(2026, 1, 6, 0, 30, tzinfo=berlin), "s1")
    assert path == (
        "inference-logs/use_case=spam/environment=production/date=2026-01-05/hour=23/s1.parquet"
    )


def test_a_window_includes_its_start_but_not_its_end(blob_store: LocalBlobStore) -> None:
    write(blob_store, "a", record(1, NOON - timedelta(microseconds=1)))
    write(blob_store, "b", record(2, NOON), record(3, NOON + timedelta(minutes=59)))
    write(blob_store, "c", record(4, NOON + timedelta(hours=1)))
    assert ids(blob_store, NOON, NOON + timedelta(hours=1)) == ["p2", "p3"]
    assert ids(blob_store, NOON + timedelta(minutes=1), NOON + timedelta(hours=2)) == ["p3", "p4"]


def test_a_long_window_covers_whole_days_and_the_hours_around_them(
    blob_store: LocalBlobStore,
) -> None:
    for number in range(60):
        write(blob_store, "s", record(number, NOON + timedelta(hours=number)))
    found = ids(blob_store, NOON + timedelta(hours=1), NOON + timedelta(hours=59))
    assert found == sorted(f"p{number}" for number in range(1, 59))


def test_only_objects_of_the_window_are_read(blob_store: LocalBlobStore) -> None:
    write(blob_store, "a", record(1, NOON))
    blob_store.write(log_object_path("spam", "staging", NOON + timedelta(hours=3), "b"), b"junk")
    assert ids(blob_store, NOON, NOON + timedelta(hours=1)) == ["p1"]


def test_an_object_that_is_not_parquet_is_named(blob_store: LocalBlobStore) -> None:
    blob_store.write(log_object_path("spam", "staging", NOON, "b"), b"junk")
    with pytest.raises(InvalidData, match=r"hour=12/b\.parquet"):
        ids(blob_store, NOON, NOON + timedelta(hours=1))


def test_columns_keep_the_requested_order_and_missing_ones_are_skipped(
    blob_store: LocalBlobStore,
) -> None:
    write(blob_store, "a", record(1, NOON))
    wanted = ["probability.spam", "features", "column_of_tomorrow"]
    (batch,) = read_log(blob_store, "spam", "staging", NOON, NOON + timedelta(hours=1), wanted)
    assert batch.schema.names == ["probability.spam", "features"]


def test_without_columns_everything_is_read(blob_store: LocalBlobStore) -> None:
    write(blob_store, "a", record(1, NOON))
    (batch,) = read_log(blob_store, "spam", "staging", NOON, NOON + timedelta(hours=1))
    assert batch.schema.equals(COLUMNS.schema)


def test_a_log_that_does_not_exist_is_empty(blob_store: LocalBlobStore) -> None:
    assert ids(blob_store, NOON, NOON + timedelta(days=2)) == []


def test_a_window_without_time_zone_is_refused(blob_store: LocalBlobStore) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        ids(blob_store, NOON.replace(tzinfo=None), NOON)


class CountingStore(LocalBlobStore):
    """Counts the folders that are listed."""

    listed = 0

    def list(self, folder: str) -> Iterator[BlobInfo]:
        self.listed += 1
        return super().list(folder)


def test_a_window_from_1970_lists_only_dates_with_records(tmp_path: Path) -> None:
    store = CountingStore(tmp_path)
    write(store, "a", record(1, NOON))
    write(store, "b", record(2, NOON + timedelta(days=40)))
    end = NOON + timedelta(days=40, hours=1)
    assert ids(store, datetime(1970, 1, 1, tzinfo=UTC), end) == ["p1", "p2"]
    assert store.listed <= 1 + NOON.hour + 1
