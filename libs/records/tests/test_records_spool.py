"""The spool: what is written survives, once, and nothing half-written does."""

import json
import resource
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.errors import ConfigurationError, Conflict, InvalidData, SpoolUnavailable
from records import SegmentLimits, Spool
from records.log.segments import SegmentName, frame, read_segment

NOON = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
STAGING = Environment.STAGING
LIMITS = SegmentLimits(records=3, age=timedelta(seconds=60), size=1 << 20)


def line(number: int) -> bytes:
    record = {
        "prediction_id": f"p{number}",
        "request_id": "r",
        "time": NOON,
        "use_case": "iris",
        "environment": "staging",
        "release_id": "a" * 32,
        "input": {"sepal_length": 1.0},
        "features": [1.0],
        "probabilities": {"setosa": 1.0},
        "prediction": "setosa\n\u2028é",
        "degraded": False,
        "purpose": "live",
        "latency_ms": 1.0,
    }
    return frame(orjson.dumps(record))


def ids(file: Path) -> list[str]:
    return [record.prediction_id for record in read_segment(file).records]


@contextmanager
def files_of_at_most(size: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def spool(tmp_path: Path, clock: ManualClock):
    spool = Spool(tmp_path / "spool", LIMITS, clock)
    yield spool
    spool.close()


def test_a_record_is_on_disk_when_append_returns(spool, tmp_path) -> None:
    spool.append("iris", STAGING, NOON, [line(1)])
    (file,) = (tmp_path / "spool").glob("*.log")
    content = read_segment(file)
    assert content.damaged == 0
    assert content.records[0].prediction == "setosa\n\u2028é"
    assert spool.sealed == ()
    assert spool.backlog == (1, file.stat().st_size)


def test_use_cases_environments_and_hours_have_separate_segments(spool) -> None:
    spool.append("iris", STAGING, NOON, [line(1)])
    spool.append("spam", STAGING, NOON, [line(2)])
    spool.append("iris", Environment.PRODUCTION, NOON, [line(3)])
    spool.append("iris", STAGING, NOON + timedelta(minutes=30), [line(4)])
    spool.seal()
    places = {
        SegmentName.parse(segment.file.name).object_path.rpartition("/")[0]
        for segment in spool.sealed
    }
    assert places == {
        "inference-logs/use_case=iris/environment=staging/date=2026-01-05/hour=12",
        "inference-logs/use_case=spam/environment=staging/date=2026-01-05/hour=12",
        "inference-logs/use_case=iris/environment=production/date=2026-01-05/hour=12",
        "inference-logs/use_case=iris/environment=staging/date=2026-01-05/hour=13",
    }


def test_a_segment_is_sealed_when_it_is_full(spool) -> None:
    for number in range(4):
        spool.append("iris", STAGING, NOON, [line(number)])
    (sealed,) = spool.sealed
    assert ids(sealed.file) == ["p0", "p1", "p2"]


def test_a_segment_is_sealed_when_it_is_large(tmp_path, clock) -> None:
    limits = SegmentLimits(records=100, age=timedelta(hours=1), size=len(line(0)) + 1)
    spool = Spool(tmp_path / "spool", limits, clock)
    spool.append("iris", STAGING, NOON, [line(1)])
    assert len(spool.sealed) == 0
    spool.append("iris", STAGING, NOON, [line(2)])
    assert len(spool.sealed) == 1
    spool.close()


def test_a_segment_is_sealed_when_it_is_old(spool, clock) -> None:
    spool.append("iris", STAGING, NOON, [line(1)])
    clock.advance(timedelta(seconds=59))
    spool.seal_old()
    assert spool.sealed == ()
    clock.advance(timedelta(seconds=1))
    spool.seal_old()
    assert len(spool.sealed) == 1


def test_a_second_gateway_on_the_same_folder_is_refused(spool, tmp_path, clock) -> None:
    with pytest.raises(Conflict, match="another gateway"):
        Spool(tmp_path / "spool", LIMITS, clock)


def test_the_folder_is_free_again_after_close(tmp_path, clock) -> None:
    Spool(tmp_path / "spool", LIMITS, clock).close()
    Spool(tmp_path / "spool", LIMITS, clock).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, clock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="SPOOL_FOLDER"):
        Spool(tmp_path / "file" / "spool", LIMITS, clock)


def left_behind(folder: Path, content: bytes, name: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / (name or SegmentName("iris", STAGING, NOON.replace(minute=0), "dead").file)
    file.write_bytes(content)
    return file


def test_segments_of_a_dead_process_are_taken_over(tmp_path, clock) -> None:
    left_behind(tmp_path / "spool", line(1) + line(2))
    spool = Spool(tmp_path / "spool", LIMITS, clock)
    (sealed,) = spool.sealed
    assert ids(sealed.file) == ["p1", "p2"]
    assert SegmentName.parse(sealed.file.name).object_path.endswith("hour=12/dead.parquet")
    spool.remove(sealed)
    assert spool.sealed == ()
    assert not sealed.file.exists()
    spool.close()


def test_a_record_cut_off_at_any_byte_is_dropped_and_the_others_stay(tmp_path) -> None:
    whole = line(1) + line(2)
    for length in range(1, len(line(3))):
        content = read_segment(left_behind(tmp_path, whole + line(3)[:length]))
        assert [record.prediction_id for record in content.records] == ["p1", "p2"]
        assert content.damaged == 1


def test_a_flipped_bit_loses_one_record(tmp_path) -> None:
    damaged = bytearray(line(1) + line(2) + line(3))
    damaged[len(line(1)) + 40] ^= 1
    content = read_segment(left_behind(tmp_path, bytes(damaged)))
    assert [record.prediction_id for record in content.records] == ["p1", "p3"]
    assert content.damaged == 1


def test_an_intact_line_that_is_not_a_record_is_an_error(tmp_path) -> None:
    with pytest.raises(InvalidData, match="not an inference record"):
        read_segment(left_behind(tmp_path, frame(json.dumps({"a": 1}).encode())))


def test_other_files_in_the_folder_are_ignored(tmp_path, clock) -> None:
    other = left_behind(tmp_path / "spool", b"mine", "notes.log")
    spool = Spool(tmp_path / "spool", LIMITS, clock)
    assert spool.sealed == ()
    spool.close()
    assert other.read_bytes() == b"mine"


def test_a_full_disk_appends_nothing_of_a_batch(spool, tmp_path) -> None:
    spool.append("iris", STAGING, NOON, [line(0)])
    size = len(line(0))
    with (
        files_of_at_most(size + 2 * size + 10),
        pytest.raises(SpoolUnavailable, match="cannot be written"),
    ):
        spool.append("iris", STAGING, NOON, [line(1), line(2), line(3)])
    (sealed,) = spool.sealed
    assert read_segment(sealed.file).damaged == 0
    assert ids(sealed.file) == ["p0"]
    spool.append("iris", STAGING, NOON, [line(4)])
    spool.seal()
    assert [ids(segment.file) for segment in spool.sealed] == [["p0"], ["p4"]]


def test_a_missing_folder_is_unavailable_until_it_is_back(spool, tmp_path) -> None:
    (tmp_path / "spool").rename(tmp_path / "gone")
    with pytest.raises(SpoolUnavailable):
        spool.append("iris", STAGING, NOON, [line(1)])
    (tmp_path / "gone").rename(tmp_path / "spool")
    spool.append("iris", STAGING, NOON, [line(1)])
    assert spool.backlog[0] == 1
