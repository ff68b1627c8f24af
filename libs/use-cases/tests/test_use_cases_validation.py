"""Which rows of a table fit, and why the others do not."""

import pyarrow as pa
import pytest

from platform_core.errors import InvalidData
from use_cases import use_case
from use_cases.validation import validate_columns

IRIS, SPAM = use_case("iris"), use_case("spam")


def flowers(values: list[object], kind: pa.DataType | None = None) -> pa.Table:
    columns = {name: pa.array([1.0] * len(values)) for name in IRIS.record_schema.names}
    return pa.table(columns | {"petal_width": pa.array(values, kind)})


def mails(**changes: object) -> pa.Table:
    row = {"email_id": "1", "subject": "", "body": "", "sender": ""} | changes
    return pa.Table.from_pylist([row])


def test_good_rows_come_back_in_the_types_of_the_schema():
    checked = validate_columns(IRIS, flowers([0.5, 2.0]))
    assert checked.records.schema == IRIS.record_schema
    assert checked.fits.to_pylist() == [True, True]
    assert checked.reasons.null_count == 2


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.float32(), pa.string()])
def test_other_types_are_read_where_they_can_be(kind):
    values = pa.array([1, 2]).cast(kind).to_pylist()
    checked = validate_columns(IRIS, flowers(values, kind))
    assert checked.records.column("petal_width").to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ([1.0, None], [None, "petal_width is missing"]),
        (["1.5", "wide"], [None, "petal_width cannot be read"]),
        ([-1.0, 101.0], ["petal_width is not within 0 to 100"] * 2),
        ([float("nan"), float("inf")], ["petal_width is not within 0 to 100"] * 2),
    ],
)
def test_each_bad_row_says_why_and_spares_the_others(values, reasons):
    assert validate_columns(IRIS, flowers(values)).reasons.to_pylist() == reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"email_id": ""}, "email_id is not within 1 to 256 characters"),
        ({"subject": "x" * 10_001}, "subject is not within 0 to 10000 characters"),
        ({"sender": None}, "sender is missing"),
        ({"subject": "ü" * 10_000}, None),
    ],
)
def test_text_is_measured_in_characters(changes, reason):
    assert validate_columns(SPAM, mails(**changes)).reasons.to_pylist() == [reason]


def test_text_that_is_not_utf8_is_refused_row_by_row():
    table = pa.table({name: pa.array([b"a", b"\xff"]) for name in SPAM.record_schema.names})
    assert validate_columns(SPAM, table).fits.to_pylist() == [True, False]


def test_missing_columns_are_named():
    with pytest.raises(InvalidData, match=r'no column body.*COLUMNS="body='):
        validate_columns(SPAM, mails().drop_columns(["body"]))


def test_no_rows_are_fine():
    assert validate_columns(SPAM, mails().slice(0, 0)).records.num_rows == 0
