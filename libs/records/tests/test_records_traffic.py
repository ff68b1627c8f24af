"""The traffic of each minute in the record index, whatever was added and removed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from records.index import IndexedRecord, MinuteTraffic, RecordIndex, minute_traffic

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTES = 3
OBJECTS = ("a", "b", "c")


@st.composite
def objects(draw: st.DrawFn) -> dict[str, list[IndexedRecord]]:
    """Draw the records of each object of the log; an id can be in several of them."""
    seconds = st.integers(0, 60 * MINUTES - 1)
    record = st.builds(
        lambda number, second, environment, role, purpose, answer: IndexedRecord(
            f"{number:032x}", "spam", environment,
            (START + timedelta(seconds=second)).isoformat(timespec="microseconds"),
            "a" * 32, role, purpose, answer, "ham", None, "",
        ),
        st.integers(0, 9), seconds, st.sampled_from(["staging", "production"]),
        st.sampled_from(["stable", "shadow"]), st.sampled_from(["live", "drill"]), st.booleans(),
    )  # fmt: skip
    return {path: draw(st.lists(record, max_size=6)) for path in OBJECTS}


def counted(kept: list[IndexedRecord]) -> set[MinuteTraffic]:
    """Return the traffic of these records."""
    found: dict[tuple[str, str, datetime], list[IndexedRecord]] = {}
    for one in kept:
        if one.purpose == "live":
            minute = datetime.fromisoformat(one.time).replace(second=0)
            found.setdefault((one.environment, one.role, minute), []).append(one)
    return {
        MinuteTraffic(
            *key,
            sum(one.answer for one in of_minute),
            sum(not one.answer for one in of_minute),
            max(datetime.fromisoformat(one.time) for one in of_minute),
        )
        for key, of_minute in found.items()
    }


@settings(max_examples=25, deadline=None)
@given(objects(), st.sets(st.sampled_from(OBJECTS)), st.sets(st.integers(0, 9)))
def test_the_traffic_is_that_of_the_records_in_the_index(logged, forgotten, erased) -> None:
    with TemporaryDirectory() as folder:
        index = RecordIndex(Path(folder) / "index.sqlite")
        kept: dict[tuple[str, str], tuple[str, IndexedRecord]] = {}
        for path, records in logged.items():
            placed = [IndexedRecord(**vars(one) | {"path": path}) for one in records]
            index.add_records(path, placed, [""] * len(placed))
            for one in placed:
                kept.setdefault((one.prediction_id, one.role), (path, one))
        index.forget_objects(forgotten)
        index.erase(f"{number:032x}" for number in erased)
        gone = {f"{number:032x}" for number in erased}
        rest = [
            one for path, one in kept.values()
            if path not in forgotten and one.prediction_id not in gone
        ]  # fmt: skip
        end = START + timedelta(minutes=MINUTES)
        assert set(minute_traffic(index, "spam", START, end)) == counted(rest)
        assert minute_traffic(index, "spam", end, end + timedelta(hours=1)) == []
        assert minute_traffic(index, "iris", START, end) == []
