"""A use case as a declaration: records, features, generator, and refused contradictions."""

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_core.errors import InvalidInput
from use_cases import BestF1, UseCase, assemble, number_block, use_case, validate_columns
from use_cases.blocks import Category, Cleaning, Date, DeclaredUseCase, Id, Label, Number, Text
from use_cases.blocks.generator import measure
from use_cases.blocks.profile import Profile, read_profile
from use_cases.invisible import without_invisible
from use_cases.record_schema import error_message
from use_cases.testing import UseCaseContract


class VisitUseCase(DeclaredUseCase):
    """Visits of every kind of column."""

    name, label = "visit", Label("outcome", "stay", "leave", also={"0": "stay"})
    time_column, gates = "when", ("f1 >= 0.5", "recall >= 0.5 where city = Bern")
    fields = (
        Id("visit id"),
        Number("json", maximum=10),
        Number("a.b", minimum=-5, maximum=5, missing=0.5),
        Category("plan", values=("basic", "pro, [new]")),
        Category("city", values=("Bern", "Rome"), others=True, missing=True),
        Category("member", values=("false", "true")),
        Date("since", missing="2020-02-29"),
        Date("until", parts=("days",)),
        Text("note", maximum=100, missing=True),
    )


VISIT, CHURN = VisitUseCase(), use_case("churn")
RECORD = {
    "visit id": "1",
    "json": 3,
    "plan": "basic",
    "member": "true",
    "until": "1970-01-11",
}


class TestVisit(UseCaseContract):
    rows = 120

    @pytest.fixture
    def case(self) -> UseCase:
        return VISIT


def numbers(record: dict, case: UseCase = VISIT) -> dict[str, float]:
    batch = case.columns([case.record.model_validate_json(json.dumps(record), strict=True)])
    (row,) = number_block(case.features(batch))
    return dict(zip(case.feature_schema.numbers, row.tolist(), strict=True))


def test_what_is_missing_is_filled_and_marked():
    found = numbers(RECORD)
    assert (found["a.b"], found["a.b_missing"]) == (0.5, 1)
    assert (found["city=Bern"], found["city=other"], found["city=missing"]) == (0, 0, 1)
    assert (found["since.month"], found["since.weekday"], found["since_missing"]) == (2, 5, 1)
    assert found == numbers({**RECORD, "a.b": None, "city": None, "since": "", "note": None})
    given = numbers({**RECORD, "a.b": -5, "city": "Oslo", "since": "2026-01-05T10:00:00Z"})
    assert (given["a.b"], given["a.b_missing"], given["until.days"]) == (-5, 0, 10)
    assert (given["city=other"], given["city=missing"], given["since.weekday"]) == (1, 0, 0)


def test_a_category_is_one_number_for_each_value():
    found = numbers({**RECORD, "plan": "pro, [new]", "member": False})
    assert (found["plan=basic"], found["plan=pro, [new]"]) == (0, 1)
    assert (found["member=false"], found["member=true"]) == (1, 0)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("plan", "weekly", "is not one of 'basic' or 'pro, [new]'"),
        ("plan", None, "is not one of 'basic' or 'pro, [new]'"),
        ("json", "3", "cannot be read as a number"),
        ("json", None, "cannot be read as a number"),
        ("json", 11, "is greater than 10"),
        ("a.b", float("inf"), "is not a finite number"),
        ("a.b", -6, "is less than -5"),
        ("until", "31.12.2026", "is not a date from 1700-01-01 to 2299-12-31"),
        ("until", "2026-02-30", "is not a date from 1700-01-01 to 2299-12-31"),
        ("until", "", "is not a date from 1700-01-01 to 2299-12-31"),
        ("extra", 1, "is not a known field"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_field(field, value, problem):
    with pytest.raises(ValidationError) as raised:
        VISIT.record.model_validate_json(json.dumps({**RECORD, field: value}), strict=True)
    (error,) = raised.value.errors()
    assert (error["loc"], error_message(error)) == ((field,), problem)


def test_files_spell_missing_values_in_many_ways():
    spellings = ["", " ", "NA", "nan", "null", "None", "?", None]
    rows = len(spellings)
    table = pa.table(
        {
            "visit id": [str(n) for n in range(rows)],
            "json": ["1"] * rows,
            "a.b": spellings,
            "plan": ["basic"] * rows,
            "city": ["", None, "Bern", "None", "Rome", " ", "x", "y"],
            "member": [True, False] * (rows // 2),
            "until": pa.array([datetime(2026, 1, 5, 10, tzinfo=UTC)] * rows),
        }
    )
    checked = validate_columns(VISIT, table)
    assert checked.reasons.null_count == rows
    assert checked.records["a.b"].null_count == checked.records["since"].null_count == rows
    assert checked.records["city"].to_pylist() == [
        None,
        None,
        *["Bern", "None", "Rome"],
        None,
        *"xy",
    ]
    assert checked.records["member"].to_pylist() == ["true", "false"] * (rows // 2)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, float("nan")], "json is not a finite number"),
        ([1.0, None], "json is missing"),
        ([1.0, float("inf")], "json is not a finite number"),
        (["1", "many"], "json cannot be read as a number"),
    ],
)
def test_bulk_rows_are_checked_as_requests_are(values, reason):
    required = {name: [value] * 2 for name, value in RECORD.items()}
    checked = validate_columns(VISIT, pa.table({**required, "json": values}))
    assert checked.reasons.to_pylist() == [None, reason]


def test_the_generator_follows_the_profile_and_the_drift():
    records = assemble(VISIT, generated := _records(0.0))
    again = measure(VISIT.declared, VISIT.label, generated, _labels(0.0))
    assert again.classes.keys() == {"stay", "leave"}
    low, high = (again.column(name, "json").quantiles[7] for name in ("stay", "leave"))
    assert low < high
    moved = number_block(assemble(VISIT, _records(1.0))).mean(axis=0)
    assert np.abs(moved - number_block(records).mean(axis=0))[0] > 1


def test_a_profile_contains_no_record(tmp_path):
    text = pa.array(["call me at 555 1234"] * 3 + ["please do"] * 200)
    profile = Text("note").measure(text)
    assert profile.shares.keys() == {"please", "do"}
    values = pa.array([*range(1_000), 10_000_000], pa.float32())
    assert max(Number("x").measure(values).quantiles) < 1_000
    file = tmp_path / "profile.json"
    assert read_profile(file, ("a",), ("x",)) is None
    file.write_text("{}")
    with pytest.raises(InvalidInput, match="is not a valid data profile"):
        read_profile(file, ("a",), ("x",))
    file.write_text(Profile(classes={"a": 1.0}, columns={"a": {}}).model_dump_json())
    with pytest.raises(InvalidInput, match="does not describe 'x'; write it again"):
        read_profile(file, ("a",), ("x",))


def test_contradictions_are_refused_with_the_column():
    fields = (
        Number("y"),
        Number("twice"),
        Number("twice"),
        Number("turned", minimum=3, maximum=1),
        Number("outside", maximum=1, missing=2),
        Category("label", values=("a", "b")),
        Category("same", values=("a", "other"), others=True),
        Category("alone", values=("a",)),
        Category("blank", values=("", "a")),
        Date("day", missing="yesterday"),
        Number("z", missing=1),
        Number("z_missing"),
        Number("_private"),
        Id("late"),
    )
    attributes = {"name": "bad", "fields": fields, "label": Label("y", "a", "A")}
    attributes |= {"time_column": "z", "gates": ("recall >= 0.5 where same = c", "rmse <= 1")}
    with pytest.raises(InvalidInput, match="the use case 'bad': ") as raised:
        type("BadUseCase", (DeclaredUseCase,), attributes)
    for part in (
        "the label column 'y' is also a record column",
        "'twice' is declared 2 times",
        "'turned' has limits from 3 to 1",
        "'outside' has the fill value 2, which is not between 0 and 1",
        "'label' has a name that the platform uses itself",
        "'same' has the value 'other' twice",
        "'alone' has only one value",
        "'blank' has an empty value",
        "'day' has the fill value 'yesterday'",
        "the columns 'z' and 'z_missing' both make the feature 'z_missing'",
        "'_private' must begin with a letter or a digit",
        "the id 'late' is not the first column",
        "the label 'y' has the class 'a' twice",
        "the time column 'z' is also a record column",
        "the gate `recall >= 0.5 where same = c` names a slice that no column defines",
        "the gate `rmse <= 1` is for another task",
    ):
        assert part in str(raised.value)


def test_a_label_needs_two_classes_and_known_spellings():
    with pytest.raises(InvalidInput, match="has one class, 'a'; name at least two"):
        type("One", (VisitUseCase,), {"label": Label("y", "a"), "__module__": __name__})
    with pytest.raises(InvalidInput, match="names the class 'c', which is not among"):
        type("Also", (VisitUseCase,), {"label": Label("y", "a", "b", also={"1": "c"})})


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, "its 3 not good see"),
        ({"numbers": True}, "its not good see"),
        ({"stop_words": True}, "3 not good see"),
        ({"punctuation": False}, "it's 3 not good; see"),
        ({"urls": False}, "its 3 not good see www x org"),
        ({"lemmas": True}, "its 3 not good see"),
    ],
)
def test_each_step_of_cleaning_has_a_switch(switches, expected):
    assert Cleaning(**switches)("It's 3 NOT  good;\x00 see www.x.org") == expected


def test_lemmas_are_the_forms_of_a_dictionary():
    assert Cleaning(lemmas=True)("The mice were running") == "the mouse be run"
    assert Cleaning()("<p>fr<b></b>ee</p> &amp; more") == "free more"


@pytest.mark.parametrize(
    "spelt",
    [
        "fr\u200bee caf\u00e9",
        "f\u00adree cafe\u0301",
        "\ufefffr\u202eee caf\u00e9",
        "\uff46\uff52\uff45\uff45 caf\u00e9",
        "f\x01ree ca\x00f\u00e9",
        "f\u0336r\u0336ee cafe\u0336\u0301",
        "fr&#8203;ee caf&eacute;",
    ],
)
def test_invisible_characters_neither_split_nor_create_words(spelt):
    text = Text("text")
    shown, other = (text.compute(pa.array([one])) for one in ("free caf\u00e9", spelt))
    assert other.texts[0].to_pylist() == shown.texts[0].to_pylist() == ["free caf\u00e9"]
    assert (other.numbers == shown.numbers).all()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_removing_what_is_not_seen_twice_changes_nothing(text):
    seen = without_invisible(text)
    assert without_invisible(seen) == seen
    assert (
        without_invisible("\u0928\u092e\u0938\u094d\u0924\u0947")
        == "\u0928\u092e\u0938\u094d\u0924\u0947"
    )


@pytest.mark.parametrize(
    "stored",
    [
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_a_missing_value_is_missing_however_a_column_is_stored(stored):
    records = CHURN.golden_records()
    columns = {n: records.column(n).cast(pa.string()).fill_null(" NA ") for n in CHURN.limits}
    plain = {n: columns.get(n, records.column(n)) for n in records.schema.names}
    encoded = pa.types.is_dictionary(stored)
    same = {
        n: c if n not in columns else c.dictionary_encode() if encoded else c.cast(stored)
        for n, c in plain.items()
    }
    expected, found = (validate_columns(CHURN, pa.table(table)) for table in (plain, same))
    assert found.reasons.to_pylist() == expected.reasons.to_pylist()
    assert found.records.equals(expected.records)
    assert expected.fits.true_count == records.num_rows


def test_the_threshold_follows_from_the_gates():
    assert VISIT.training().threshold == BestF1()
    assert CHURN.training().threshold is None  # a gate asks for accuracy as well
    even = type("Even", (VisitUseCase,), {"gates": ("accuracy >= 0.5",)})
    assert even().training().threshold is None
    with pytest.raises(InvalidInput, match=r"the use case 'visit': the gate 'f1 > 1' cannot be"):
        type("Unreadable", (VisitUseCase,), {"gates": ("f1 > 1",)})


def test_how_repeated_rows_are_found_follows_from_the_columns():
    def policy(*fields):
        attributes = {"name": "x", "fields": fields, "label": Label("y", "a", "b")}
        attributes["gates"] = ("roc_auc >= 0.5",)
        return type("XUseCase", (DeclaredUseCase,), attributes)().training().duplicates

    assert policy(Id("id"), Number("x")) == "none"
    assert policy(Number("x"), Text("t")) == "exact"
    assert policy(Id("id"), Text("t")) == "near"
    assert use_case("spam").training().duplicates == "near"


def test_a_category_is_monitored_as_one_column():
    city = next(column for column in VISIT.monitored if column.name == "city")
    assert (city.kind, city.levels[0]) == ("categorical", "city=Bern")
    block = number_block(VISIT.features(VISIT.golden_records())).copy()
    found = VISIT.feature_schema.category(block, city.name, city.levels).to_pylist()
    assert set(found) == {"Bern", "Rome", "other", "missing"}
    block[0] = np.nan
    assert VISIT.feature_schema.category(block, city.name, city.levels)[0].as_py() is None


def test_slices_are_the_categories_and_the_length_of_a_text():
    slices = VISIT.training().slices(VISIT.golden_records())
    assert slices.schema.names == ["plan", "city", "member", "note"]
    assert set(slices["note"].to_pylist()) == {"short"}
    assert set(slices["city"].to_pylist()) == {"Bern", "Rome", "other", "missing"}


def _records(drift: float) -> pa.RecordBatch:
    table = VISIT.training().generate(400, 0, drift).select(VISIT.record_schema.names)
    return table.combine_chunks().to_batches()[0]


def _labels(drift: float) -> pa.Array:
    return VISIT.training().generate(400, 0, drift)["outcome"].combine_chunks()
