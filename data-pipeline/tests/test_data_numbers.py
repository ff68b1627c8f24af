"""Labels that are numbers: reading them, versions, reports, and data of the other kind of task."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rents import RentsUseCase

from data_pipeline.features import compute_features
from data_pipeline.report import write_report
from data_pipeline.stored import read_features
from data_pipeline.validation.labels import read_labels
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.errors import InvalidData
from use_cases import LabelSpec, use_case
from use_cases.testing import variant

RENTS, IRIS = RentsUseCase(), use_case("iris")


def with_rents(values):
    """Flats with other values in place of their rents."""
    table = RENTS.training().generate(len(values), 1)
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return table.set_column(table.schema.get_field_index("rent"), "rent", column)


@pytest.mark.parametrize(
    ("value", "number", "reason"),
    [
        ("12.5", 12.5, None),
        (" -3 ", -3.0, None),
        ("1e3", 1000.0, None),
        ("", None, "rent cannot be read as a number"),
        ("cheap", None, "rent cannot be read as a number"),
        ("inf", None, "rent is not a finite number"),
        ("nan", None, "rent is missing"),
        (None, None, "rent is missing"),
    ],
)
def test_a_label_is_read_as_a_number_or_set_aside(value, number, reason):
    numbers, reasons = read_labels(RENTS, pa.array([value, "1"]))
    assert (numbers.to_pylist()[0], reasons.to_pylist()[0]) == (number, reason)
    assert numbers.type == pa.float64()


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([1.5, float("inf"), float("nan")]), "rent is not a finite number"),
        (pa.array([1, 2, None]), None),
        (pa.array([True, False, None]), "rent is not a number"),
        (pa.array(["1", "x", "2"]).dictionary_encode(), "rent cannot be read as a number"),
    ],
    ids=["floats", "whole", "booleans", "dictionary"],
)
def test_labels_of_any_type_are_read(column, reason):
    _, reasons = read_labels(RENTS, column)
    assert reasons.to_pylist()[1] == reason


def test_a_version_keeps_the_numbers_and_splits_by_time(blob_store, frozen):
    table = RENTS.training().generate(200, 1)
    version = frozen(RENTS, blob_store, table)
    manifest, records = (
        read_manifest(blob_store, "rents", version),
        read_records(blob_store, "rents", version),
    )
    assert records["label"].type == pa.float64()
    assert sorted(records["label"].to_pylist()) == sorted(table["rent"].to_pylist())
    assert manifest.classes == {"all rows": 200}
    assert (manifest.split.method, manifest.test_rows) == ("time", 40)
    test = records.filter(pc.equal(records["part"], "test"))
    assert pc.min(test["event_timestamp"]).as_py() == manifest.split.boundaries["all rows"]


def test_a_version_without_times_is_split_by_content_and_can_be_added_to(blob_store, frozen):
    table = RENTS.training().generate(300, 1).drop_columns("listed")
    first = frozen(RENTS, blob_store, table.slice(0, 200))
    second = frozen(RENTS, blob_store, table.slice(200), base=first)
    before, after = (read_records(blob_store, "rents", v) for v in (first, second))
    assert read_manifest(blob_store, "rents", first).split.method == "content"
    parts = dict(zip(after["row_id"].to_pylist(), after["part"].to_pylist(), strict=True))
    assert len(parts) == 300
    assert all(parts[r["row_id"]] == r["part"] for r in before.to_pylist())


def test_flats_that_differ_in_their_rent_alone_are_all_kept(blob_store, frozen):
    table = RENTS.training().generate(100, 1)
    dearer = table.set_column(4, "rent", pc.add(table["rent"], 10))
    version = frozen(RENTS, blob_store, table, dearer)
    assert read_manifest(blob_store, "rents", version).rows == 200


def test_features_and_report_of_numbers(blob_store, frozen, tmp_path):
    version = frozen(RENTS, blob_store, RENTS.training().generate(200, 1))
    compute_features(blob_store, RENTS, version, None, tmp_path, on_ray=False)
    test = read_features(blob_store, RENTS, version, "test")
    assert test["label"].type == pa.float64()
    report = write_report(blob_store, RENTS, version, 0.95)
    low, high = report.classes
    assert low.name.endswith("or less")
    assert (low.rows, high.rows) == (100, 100)
    assert low.boundary == high.boundary
    area = next(column for column in report.columns if column.name == "area")
    assert area.aucs[0].of_class == high.name
    assert area.aucs[0].auc > 0.8


def test_numbers_given_to_a_classifier_are_named(blob_store, frozen):
    table = IRIS.training().generate(300, 1)
    numbers = pa.array(np.round(np.random.default_rng(0).normal(size=300), 4))
    table = table.set_column(4, "species", numbers)
    with pytest.raises(
        InvalidData, match=r"species has \d+ distinct numbers .*use task regression"
    ):
        frozen(IRIS, blob_store, table)


def test_classes_given_to_a_regression_are_named(blob_store, frozen):
    with pytest.raises(InvalidData, match="rent holds 'cheap' 75, 'dear' 75, but rents predicts"):
        frozen(RENTS, blob_store, with_rents(["cheap", "dear"] * 75))
    with pytest.raises(InvalidData, match="rent has only 2 distinct numbers; use task binary"):
        frozen(RENTS, blob_store, with_rents([0, 1] * 75))


def test_a_label_with_one_class_is_refused(blob_store, frozen):
    table = IRIS.training().generate(100, 1)
    table = table.set_column(4, "species", pa.repeat("setosa", 100))
    with pytest.raises(InvalidData, match=r"needs at least 10 .*setosa: 100, versicolor: 0"):
        frozen(IRIS, blob_store, table)
    assert LabelSpec("rent").values == {}


def test_numbers_that_are_spelt_as_classes_stay_classes(blob_store, frozen):
    spelt = LabelSpec("species", {"0": "setosa", "1": "versicolor", "2": "virginica"})
    case = variant(IRIS, training={"label": spelt})
    table = IRIS.training().generate(150, 1)
    table = table.set_column(4, "species", pa.array([n % 3 for n in range(150)]))
    version = frozen(case, blob_store, table)
    assert read_manifest(blob_store, "iris", version).classes["setosa"] > 40
