"""Which rows of a table fit, and why the others do not."""

from typing import Annotated, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from platform_core.errors import InvalidData
from use_cases import ColumnNames, Limits, RecordId, use_case, validate_columns
from use_cases.record_schema import error_message
from use_cases.testing import variant

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
        (["1.5", "wide"], [None, "petal_width cannot be read as a number"]),
        ([-1.0, 101.0], ["petal_width is less than 0", "petal_width is greater than 100"]),
        ([float("nan"), float("inf")], ["petal_width is not a finite number"] * 2),
    ],
)
def test_each_bad_row_says_why_and_spares_the_others(values, reasons):
    assert validate_columns(IRIS, flowers(values)).reasons.to_pylist() == reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"email_id": ""}, "email_id has fewer than 1 characters"),
        ({"subject": "x" * 10_001}, None),
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


class Count(BaseModel):
    """A record with every type of column and limits on each."""

    model_config = ConfigDict(extra="forbid")

    t: Annotated[str, Field(min_length=1, max_length=3), RecordId()]
    n: Annotated[int, Field(ge=0, le=9)]
    x: Annotated[float, Field(gt=-1.5, le=1.5, allow_inf_nan=False)]
    several: Annotated[
        list[Annotated[float, Field(ge=0)]], Field(min_length=2), ColumnNames(("a", "b"))
    ]
    note: Annotated[str, Field(max_length=2)] = "-"


COUNTS = variant(IRIS, record=Count)
NUMBERS = st.integers(-3, 12) | st.floats(-3, 3, width=32) | st.floats(width=32)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "t": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "n": st.integers(-3, 12),
        "x": NUMBERS,
        "several": st.lists(NUMBERS, min_size=2, max_size=2),
        "note": st.text("ab", max_size=3),
    },
)


def online(request: dict[str, Any]) -> str | None:
    """What the gateway says of the first field that does not fit."""
    try:
        Count.model_validate_json(to_json(request, inf_nan_mode="constants"), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        name, *index = first["loc"]
        column = ("a", "b")[index[0]] if index else name
        return f"{column} {error_message(first)}"
    return None


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6))
def test_bulk_refuses_the_rows_that_online_refuses_for_the_same_reasons(requests):
    columns = {
        "t": [r.get("t") for r in requests],
        "n": [r.get("n") for r in requests],
        "x": [r.get("x") for r in requests],
        "a": [r.get("several", (None, None))[0] for r in requests],
        "b": [r.get("several", (None, None))[1] for r in requests],
        "note": [r.get("note") for r in requests],
    }
    arrays = [pa.array(columns[f.name], f.type) for f in COUNTS.record_schema]
    checked = validate_columns(COUNTS, pa.record_batch(arrays, schema=COUNTS.record_schema))
    expected = [online(request) for request in requests]
    # In columns, a list that is not there lacks each of its numbers.
    assert checked.reasons.to_pylist() == [
        text.replace("several is", "a is") if text else None for text in expected
    ]
    records = [
        Count.model_validate(r) for r, text in zip(requests, expected, strict=True) if text is None
    ]
    assert COUNTS.columns(records).equals(checked.records.filter(checked.fits))


def test_everything_derives_from_the_model():
    names = ["t", "n", "x", "a", "b", "note"]
    assert COUNTS.record_schema.names == names
    assert COUNTS.id_column == "t"
    assert COUNTS.limits == {"t": Limits(1, 3), "n": Limits(0, 9), "note": Limits(0, 2)}
    row = dict(zip(names, ["i", 1, 0.5, 1.0, 2.0, "-"], strict=True))
    assert COUNTS.request(row) == {"t": "i", "n": 1, "x": 0.5, "several": [1.0, 2.0], "note": "-"}


def test_a_field_that_no_column_can_hold_is_refused():
    class Nested(BaseModel):
        inner: dict[str, int]

    with pytest.raises(TypeError, match=r"'inner'.*use str, float, int"):
        variant(IRIS, record=Nested).record_schema.names  # noqa: B018


def test_a_column_with_a_default_may_be_absent_in_bulk():
    row = {"t": "i", "n": 1, "x": 0.5, "a": 1.0, "b": 2.0}
    checked = validate_columns(COUNTS, pa.Table.from_pylist([row]))
    assert checked.fits.to_pylist() == [True]
    assert checked.records.column("note").to_pylist() == ["-"]
