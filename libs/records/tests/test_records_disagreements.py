"""The records to which a release and its shadow gave different answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from platform_core.contracts.label import PredictionLabel
from platform_core.errors import InvalidInput, UpstreamUnavailable
from records.index import DisagreementQuery, IndexedRecord, RecordIndex, disagreements

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
QUERY = DisagreementQuery("spam", "production", "old", "new")


def record(number: int, role: str, prediction: str, **more: object) -> IndexedRecord:
    time = (NOON + timedelta(seconds=number)).isoformat(timespec="microseconds")
    release = "new" if role == "shadow" else "old"
    one = IndexedRecord(
        f"{number:032x}", "spam", "production", time, release, role, "live",
        role != "shadow", prediction, f"mail-{number}", "path",
    )  # fmt: skip
    return replace(one, **more)


def pair(number: int, stable: str, shadow: str, **more: object) -> list[IndexedRecord]:
    return [record(number, "stable", stable, **more), record(number, "shadow", shadow, **more)]


@pytest.fixture
def index(tmp_path):
    return RecordIndex(tmp_path / "records.db")


def add(index, *records: IndexedRecord) -> None:
    index.add_records("path", records, ["" for _ in records])


def test_the_newest_comes_first_with_both_answers_and_the_label(index):
    add(index, *pair(1, "ham", "spam"), *pair(2, "ham", "ham"), *pair(3, "spam", "ham"))
    label = PredictionLabel(
        prediction_id=f"{1:032x}", use_case="spam", label="spam", known_at=NOON,
        received_at=NOON, said_by="ada",
    )  # fmt: skip
    index.add_labels([label])
    found = disagreements(index, QUERY).found
    assert [(one.record_id, one.stable, one.candidate, one.label) for one in found] == [
        ("mail-3", "spam", "ham", None),
        ("mail-1", "ham", "spam", "spam"),
    ]
    assert found[0].time == NOON + timedelta(seconds=3)


@pytest.mark.parametrize(
    "other",
    [{"use_case": "iris"}, {"environment": "staging"}, {"purpose": "try"}],
)
def test_only_live_records_of_the_place_count(index, other):
    add(index, *pair(1, "ham", "spam", **other))
    assert disagreements(index, QUERY).found == []


def test_other_releases_and_failed_copies_do_not_count(index):
    add(
        index,
        record(1, "stable", "ham", release_id="older"),
        record(1, "shadow", "spam"),
        *pair(2, "ham", "None"),
    )
    assert disagreements(index, QUERY).found == []


def test_numbers_disagree_beyond_the_tolerance(index):
    add(index, *pair(1, "10.0", "10.4"), *pair(2, "10.0", "8.9"), *pair(3, "9.9", "10.0"))
    found = disagreements(index, replace(QUERY, tolerance=0.5)).found
    assert [one.record_id for one in found] == ["mail-2"]


def test_pages_follow_each_other(index):
    for number in range(5):
        add(index, *pair(number, "ham", "spam"))
    seen, cursor = [], None
    for size in (2, 2, 1):
        page = disagreements(index, replace(QUERY, limit=2, cursor=cursor))
        assert len(page.found) == size
        seen += [one.record_id for one in page.found]
        cursor = page.cursor
    assert cursor is None
    assert seen == [f"mail-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}])
def test_a_page_that_is_none_is_refused(index, wrong):
    with pytest.raises(InvalidInput):
        disagreements(index, replace(QUERY, **wrong))


def test_a_query_that_takes_too_long_is_ended(index):
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    with pytest.raises(UpstreamUnavailable, match="interrupted"):
        index.query(endless, [], seconds=0.05)
