"""A new use case from labelled data: what is decided, what is refused, and the package."""

import csv
import datetime
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_pipeline.new_use_case import make_plan, read_table, write_package
from data_pipeline.new_use_case.write import declaration
from data_pipeline.settings import IngestSettings
from platform_core.errors import Conflict, InvalidData, InvalidInput
from use_cases import UseCase
from use_cases.blocks import Category, Date, Id, Number, Text
from use_cases.plain_columns import plain
from use_cases.testing import UseCaseContract

ROWS = 240
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def orders(**changes) -> pa.Table:
    """Orders of which some are returned: every kind of column."""
    random = np.random.default_rng(0)
    returned = random.random(ROWS) < 0.4
    price = np.where(returned, 80.0, 20.0) + random.normal(0, 30, ROWS)
    columns = {
        "order id": [f"o-{n}" for n in range(ROWS)],
        "price": [None if n % 40 == 7 else round(v, 2) for n, v in enumerate(price)],
        "amount": [str(n % 9) if n % 30 else "n/a" for n in range(ROWS)],
        "gift": [n % 3 == 0 for n in range(ROWS)],
        "paid by": [("card", "cash", "on account")[n % 3] if n % 50 else "" for n in range(ROWS)],
        "city": [f"city {n % 40}" for n in range(ROWS)],
        "ordered": [datetime.date(2026, 1, 1) + datetime.timedelta(n % 90) for n in range(ROWS)],
        "note": [
            " ".join(random.choice(WORDS, 6)) + f" {'refund' if r else 'thanks'} {n}"
            for n, r in enumerate(returned)
        ],
        "constant": ["x"] * ROWS,
        "code": [f"{n:06d}-{n * 7 % 11}" for n in range(ROWS)],
        "returned": ["Yes" if r else "No" for r in returned],
    }
    return pa.table(columns | changes)


def test_each_column_becomes_what_its_values_are():
    plan = make_plan("returns", orders(), "returned")
    blocks = {column.name: column.block for column in plan.columns}
    kinds = {name: type(block) for name, block in blocks.items() if block}
    assert kinds == {
        "order id": Id, "price": Number, "amount": Number, "gift": Category, "paid by": Category,
        "city": Category, "ordered": Date, "note": Text,
    }  # fmt: skip
    assert blocks["price"].missing == pytest.approx(np.nanmedian(orders()["price"].to_numpy()))
    assert (blocks["amount"].minimum, blocks["amount"].maximum) == (0, 100)
    assert blocks["paid by"].levels == ("card", "cash", "on account", "missing")
    assert blocks["city"].others
    assert len(blocks["city"].values) == 20
    left_out = {column.name: column.why for column in plan.columns if column.block is None}
    assert left_out == {
        "constant": "it has only one value",
        "code": "240 different values, none of them frequent",
    }
    assert (plan.label.task, plan.label.label.classes) == ("binary", ("No", "Yes"))
    lines = list(plan.lines())
    why = "it has two values; 'yes' is the positive class"
    assert f"label     returned: binary, because {why}" in lines
    assert lines[-1].startswith("gates     roc_auc >= 0.")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    folder = tmp_path_factory.mktemp("written") / "returns"
    write_package(make_plan("returns", orders(), "returned"), folder)
    return loaded(folder / "src" / "returns" / "__init__.py", "returns").ReturnsUseCase()


class TestWrittenUseCase(UseCaseContract):
    """The package passes the contract suite as it was written."""

    rows = 120

    @pytest.fixture
    def case(self, written: UseCase) -> UseCase:
        return written


def loaded(file: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def test_the_package_declares_in_few_lines_and_offers_an_entry_point(tmp_path):
    plan = make_plan("returns", orders(), "returned")
    files = [file.relative_to(tmp_path).as_posix() for file in write_package(plan, tmp_path)]
    assert files == [
        "pyproject.toml", "src/returns/__init__.py", "src/returns/profile.json",
        "tests/test_returns.py",
    ]  # fmt: skip
    assert 'returns = "returns:ReturnsUseCase"' in (tmp_path / "pyproject.toml").read_text()
    lines = declaration(plan).splitlines()
    assert max(map(len, lines)) <= 100
    assert len([line for line in lines if line]) <= 25
    profile = (tmp_path / "src/returns/profile.json").read_text()
    assert "o-17" not in profile
    assert "000017" not in profile
    with pytest.raises(Conflict, match="has files already"):
        write_package(plan, tmp_path)


def test_long_values_of_columns_with_similar_names_are_kept_apart(tmp_path):
    values = {name: [f"a long value {name} {n % 4}" for n in range(ROWS)] for name in "äöü"}
    plan = make_plan("similar", orders(**values), "returned")
    write_package(plan, tmp_path)
    case = loaded(tmp_path / "src/similar/__init__.py", "similar").SimilarUseCase
    blocks = [block for block in case.fields if isinstance(block, Category)]
    declared = {name: block.values for block in blocks for name in block.names}
    assert {name: set(declared[name]) for name in "äöü"} == {
        name: set(column) for name, column in values.items()
    }


def test_a_number_is_a_regression_and_a_text_label_has_classes():
    table = orders(score=np.arange(ROWS) / 7)
    plan = make_plan("scores", table, "score")
    assert (plan.label.task, plan.label.label.classes) == ("regression", ())
    assert plan.proposed.gates[0].startswith("r2 >= ")
    assert set(plan.profile.label) == {"low", "middle", "high"}
    grades = make_plan("grades", orders(grade=[n % 5 for n in range(ROWS)]), "grade")
    assert (grades.label.task, grades.label.label.classes) == ("multiclass", tuple("01234"))
    flags = make_plan("flags", orders(), "gift")
    assert flags.label.label.classes == ("false", "true")


@pytest.mark.parametrize(
    ("values", "task", "problem"),
    [
        (["a"] * ROWS, None, r"'y' has only one class \('a' 240\)"),
        ([None] * ROWS, None, "'y' has only one class"),
        ([f"c{n}" for n in range(ROWS)], None, "has 240 classes .* is it an id or a free text"),
        (list(range(ROWS)), "multiclass", "has 240 classes .* use --task regression"),
        (["a", "b"] * (ROWS // 2), "regression", r"'y' is not a number \('a' 120, 'b' 120\)"),
        (["a", "b", "c"] * (ROWS // 3), "binary", "has 3 classes .* use --task multiclass"),
        (["a"] * (ROWS - 3) + ["b"] * 3, None, "fewer than 10 rows: 'b' 3"),
        ([float("inf"), *range(ROWS - 1)], "regression", "'y' has 1 infinite values"),
    ],
)
def test_an_unusable_label_is_refused(values, task, problem):
    with pytest.raises(InvalidData, match=problem):
        make_plan("refused", orders(y=values), "y", task=task)


def test_infinite_and_missing_numbers_are_named():
    values = [float("inf"), None, float("nan"), *range(ROWS - 3)]
    plan = make_plan("infinite", orders(load=values), "returned")
    (column,) = [column for column in plan.columns if column.name == "load"]
    assert "2 missing, filled with the median 118" in column.why
    assert "1 infinite values, which are refused" in column.why


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Late-Payment", "use lower case letters"),
        ("class", "use lower case letters"),
        ("iris", "the use case 'iris' already exists"),
        ("json", "a Python package 'json' already exists"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name, problem):
    with pytest.raises(InvalidInput, match=problem):
        make_plan(name, orders(), "returned")


def test_a_column_whose_name_the_platform_uses_is_left_out():
    plan = make_plan("reserved", orders(label=list(range(ROWS))), "returned")
    (column,) = [column for column in plan.columns if column.name == "label"]
    assert column.block is None
    assert "has a name that the platform uses itself" in column.why


def test_columns_that_no_block_can_hold_are_left_out_with_the_reason():
    values = {
        "empty_id": pa.nulls(ROWS),
        "unmeasured": pa.nulls(ROWS, pa.float64()),
        "hash": pa.array([bytes([n]) for n in range(ROWS)]),
        "at": pa.array(range(ROWS), pa.time32("s")),
        "took": pa.array(range(ROWS), pa.duration("s")),
        "serial": pa.array([2**63 + n * 10**6 for n in range(ROWS)], pa.uint64()),
    }
    table = orders(**values | {"hash": plain(values["hash"])})
    plan = make_plan("odd", table, "returned")
    left_out = {column.name: column.why for column in plan.columns if column.block is None}
    assert {name: left_out[name] for name in values} == {
        "empty_id": "it has no values",
        "unmeasured": "it has no values",
        "hash": "it has bytes that are not text",
        "at": "it has values of type time32[s]; write them as numbers",
        "took": "it has values of type duration[s]; write them as numbers",
        "serial": "it has numbers up to 9.22e+18",
    }


def test_long_labels_that_begin_alike_are_different_classes():
    labels = [f"{'the reason is ' * 20}{n % 2}" for n in range(ROWS)]
    plan = make_plan("long", orders(why=labels), "why")
    assert plan.label.label.classes == tuple(sorted(set(labels), key=labels.index))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ({"id": "returned"}, "--label and --id both name 'returned'"),
        ({"time": "returned"}, "--label and --time both name 'returned'"),
        ({"id": "ordered", "time": "ordered"}, "--id and --time both name 'ordered'"),
    ],
)
def test_one_column_cannot_have_two_roles(names, problem):
    with pytest.raises(InvalidInput, match=problem):
        make_plan("returns", orders(), "returned", **names)


def test_a_time_column_is_checked_and_the_split_it_gives_is_named():
    def line(values: list) -> str:
        plan = make_plan("timed", orders(at=values), "returned", time="at")
        return next(line for line in plan.lines() if line.startswith("time"))

    days = [f"{n % 28 + 1}/1/2026" for n in range(ROWS)]
    assert line(days) == "time      at: the test rows are the latest ones"
    late = [f"{n % 15 + 13}/1/2026" for n in range(ROWS)]
    assert line(late).endswith("the test rows are the latest ones")
    assert line(days[:1] * ROWS).endswith("all rows have the same time: split by content")
    gaps = [day if n % 2 else None for n, day in enumerate(days)]
    assert line(gaps).endswith("only 50% of the rows have a time: split by content")
    for junk, problem in ((["soon"] * ROWS, "is 'soon'"), (pa.nulls(ROWS), "it has no values")):
        with pytest.raises(InvalidData, match=f"no time of the column 'at' can be .*{problem}"):
            line(junk)


def test_rows_that_fit_too_seldom_are_refused_with_the_first_reason():
    price = [float("inf")] * ROWS
    with pytest.raises(InvalidData, match=r"2 of 240 rows can be used; .*price is not a finite"):
        make_plan(
            "rare",
            orders(price=[1.0, 2.0, *price[2:]], returned=["a", "a", *"ab" * 119]),
            "returned",
        )


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_kind_of_file_makes_the_same_use_case(tmp_path, blob_store, kind):
    table, file = orders(), tmp_path / f"orders.{kind}"
    if kind == "parquet":
        pq.write_table(table, file)
    elif kind == "csv":
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, table.column_names)
            writer.writeheader()
            writer.writerows(table.to_pylist())
    else:
        table.to_pandas().to_json(file, orient="records", lines=True, date_format="iso")
    read = read_table(blob_store, IngestSettings(), str(file), "returned")
    plan = make_plan("returns", read, "returned")
    expected = make_plan("returns", table, "returned")
    kinds = [(c.name, type(c.block)) for c in plan.columns]
    assert kinds == [(c.name, type(c.block)) for c in expected.columns]


def test_a_source_without_the_label_is_refused(tmp_path, blob_store):
    pq.write_table(orders(), tmp_path / "orders.parquet")
    with pytest.raises(InvalidData, match="has no column outcome; its columns are order id, price"):
        read_table(blob_store, IngestSettings(), str(tmp_path / "orders.parquet"), "outcome")
    with pytest.raises(InvalidData, match="pass the labelled records with --data"):
        read_table(blob_store, IngestSettings(), "", "outcome")


def test_numbers_in_text_are_numbers_unless_they_begin_with_zeros():
    values = {
        "padded": [f" {n}.5 " for n in range(ROWS)],
        "postal_code": [f"{n % 7:05d}" for n in range(ROWS)],
        "share": [f"0.{n}" for n in range(ROWS)],
    }
    plan = make_plan("codes", orders(**values), "returned")
    kinds = {column.name: type(column.block) for column in plan.columns}
    assert kinds["padded"] is kinds["share"] is Number
    assert kinds["postal_code"] is Category


def test_a_label_of_numbers_may_have_gaps_spelt_as_text():
    price = orders(y=["NA" if n % 9 == 0 else f"{n}.5" for n in range(ROWS)])
    assert make_plan("prices", price, "y").label.task == "regression"
    flag = orders(y=["NA" if n % 9 == 0 else str(n % 2) for n in range(ROWS)])
    assert make_plan("flags", flag, "y").label.task == "binary"


def test_files_that_disagree_about_a_type_are_read_as_text(tmp_path, blob_store):
    for name, value in (("a", 1), ("b", "one"), ("c", True)):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"x": {json.dumps(value)}, "y": "a"}}\n' * 3)
    table = read_table(blob_store, IngestSettings(), str(tmp_path), "y")
    assert table["x"].to_pylist() == ["1"] * 3 + ["one"] * 3 + ["true"] * 3
