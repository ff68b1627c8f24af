from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline import TEST, freeze, read_manifest, read_records, validate
from data_pipeline.identity import parts, table_digest
from platform_core.clock import ManualClock
from platform_core.errors import InvalidData
from platform_core.parquet import read_table
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


def mails(bodies: list[str | None], labels: list) -> pa.Table:
    n = len(bodies)
    return pa.table(
        {
            "email_id": [str(i) for i in range(n)],
            "subject": [""] * n,
            "body": pa.array(bodies, pa.string()),
            "sender": ["a@b.c"] * n,
            "label": labels,
        }
    )


def many(bodies: list[str | None] = (), labels: list = ()) -> pa.Table:
    """A hundred good mails of each class, then those given."""
    filler = [f"mail {i}" for i in range(200)]
    return mails([*filler, *bodies], [*(["spam", "ham"] * 100), *labels])


@pytest.mark.parametrize(
    "labels", [["spam", "ham"], [1, 0], [1.0, 0.0], [True, False], ["1", "0"], [" SPAM", "Ham"]]
)
def test_labels_are_understood_however_they_are_spelt(labels: list) -> None:
    table = mails([f"mail {i}" for i in range(40)], labels * 20)
    assert validate(SPAM, table, 0.5).records["label"].to_pylist() == ["spam", "ham"] * 20


def test_bad_rows_go_to_quarantine_with_the_reason() -> None:
    table = many([None, "x" * 11, "fine"], ["spam", "maybe", "ham"])
    result = validate(SPAM, table, 0.5)
    assert result.quarantine["reason"].to_pylist() == ["body is missing", "label is no known label"]
    assert result.records.num_rows == 201


def test_the_same_content_with_two_labels_is_quarantined() -> None:
    result = validate(SPAM, many(["Same", " same "], ["spam", "ham"]), 0.5)
    assert result.quarantine["reason"].to_pylist() == ["the same content has two labels"] * 2


def test_duplicates_are_dropped_whatever_their_id() -> None:
    result = validate(SPAM, many(["Same", "SAME  "], ["spam", "spam"]), 0.5)
    assert (result.records.num_rows, result.duplicates) == (201, 1)


def test_too_many_bad_rows_stop_the_run() -> None:
    with pytest.raises(InvalidData, match=r"300 of 500 rows \(60%\).*body is missing"):
        validate(SPAM, many([None] * 300, ["spam"] * 300), 0.5)


def test_labels_of_one_class_stop_the_run() -> None:
    table = mails([f"mail {i}" for i in range(50)], ["ham"] * 50)
    with pytest.raises(InvalidData, match="ham: 50, spam: 0"):
        validate(SPAM, table, 0.5)


def test_a_time_that_cannot_be_read_is_named() -> None:
    table = many().append_column("date", pa.array(["yesterday"] * 200))
    with pytest.raises(InvalidData, match="column date"):
        validate(SPAM, table, 0.5)


def test_the_version_follows_from_content_not_from_order_or_time(blob_store) -> None:
    table = SPAM.generate(300, 5)
    shuffled = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    first = freeze(blob_store, SPAM, validate(SPAM, table, 0.5), CLOCK)
    later = ManualClock(datetime(2027, 1, 1, tzinfo=UTC))
    assert freeze(blob_store, SPAM, validate(SPAM, shuffled, 0.5), later) == first
    assert read_manifest(blob_store, "spam", first).created_at == CLOCK.now()


def test_one_changed_letter_gives_another_version(blob_store) -> None:
    one = freeze(blob_store, SPAM, validate(SPAM, many(["last"], ["ham"]), 0.5), CLOCK)
    other = freeze(blob_store, SPAM, validate(SPAM, many(["lost"], ["ham"]), 0.5), CLOCK)
    assert one != other


def test_a_version_keeps_records_quarantine_and_manifest(blob_store) -> None:
    table = many([None], ["spam"])
    version = freeze(blob_store, SPAM, validate(SPAM, table, 0.5), CLOCK)
    manifest = read_manifest(blob_store, "spam", version)
    records = read_records(blob_store, "spam", version)
    quarantine = read_table(blob_store, f"training-data/spam/{version}/quarantine.parquet")
    assert (manifest.rows, manifest.rows_read, manifest.rows_quarantined) == (200, 201, 1)
    assert manifest.test_rows == pc.sum(pc.equal(records["part"], TEST)).as_py()
    assert quarantine["email_id"].to_pylist() == ["200"]


def test_a_record_stays_on_its_side_in_every_later_version(blob_store) -> None:
    small, large = SPAM.generate(300, 5), pa.concat_tables([SPAM.generate(300, n) for n in (5, 6)])
    sides = []
    for table in (small, large):
        version = freeze(blob_store, SPAM, validate(SPAM, table, 0.5), CLOCK)
        records = read_records(blob_store, "spam", version)
        sides.append(dict(zip(*(records[c].to_pylist() for c in ("row_id", "part")), strict=True)))
    assert sides[0].items() <= sides[1].items()


def test_too_few_rows_for_a_test_are_refused(blob_store) -> None:
    few = validate(IRIS, IRIS.generate(60, 0), 0.5)
    with pytest.raises(InvalidData, match="give more data"):
        freeze(blob_store, IRIS, few, CLOCK)


@given(st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), min_size=1, max_size=50))
def test_the_side_depends_on_the_row_alone(ids: list[str]) -> None:
    together = parts(pa.chunked_array([ids])).to_pylist()
    alone = [parts(pa.chunked_array([[i]])).to_pylist()[0] for i in ids]
    assert together == alone


def test_about_a_fifth_of_the_rows_is_kept_for_the_test() -> None:
    sides = parts(pa.chunked_array([[f"{i:016x}" for i in range(5_000)]])).to_pylist()
    assert 0.18 < sides.count(TEST) / 5_000 < 0.22


@given(st.permutations(range(8)))
def test_the_digest_ignores_the_order_of_rows(order: list[int]) -> None:
    table = pa.table({"a": range(8), "b": [str(i) for i in range(8)]})
    assert table_digest(table.take(order)) == table_digest(table)
