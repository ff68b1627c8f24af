"""The contents of a baseline."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from baseline import baseline_bytes, build_baseline, read_baseline
from baseline.build import reference_of
from platform_core.errors import InvalidData, InvalidInput
from use_cases import MonitoredColumn, UseCase, model_schema, use_case


def spam_rows(rows: int, seed: int = 0) -> tuple[UseCase, pa.RecordBatch, np.ndarray, pa.Array]:
    """Features of the spam use case with made-up values; a third of the domains is unknown."""
    case, random = use_case("spam"), np.random.default_rng(seed)
    unknown = {feature.name: feature.unknown for feature in case.entity_features.features}
    schema = model_schema(case)
    numbers = random.gamma(2, 3, (rows, len(schema.numbers))).astype(np.float32)
    for name, value in unknown.items():
        numbers[: rows // 3, schema.numbers.index(name)] = value
    features = schema.batch([pa.array(["text"] * rows)], numbers)
    probabilities = random.dirichlet([1, 1], rows).astype(np.float32)
    predictions = pa.array(np.where(probabilities[:, 1] >= 0.5, "spam", "ham"))
    return case, features, probabilities, predictions


def test_there_is_a_reference_per_monitored_column_score_and_prediction():
    case, features, probabilities, predictions = spam_rows(600)
    references = read_baseline(
        baseline_bytes(build_baseline(case, features, probabilities, predictions))
    )
    names = [column.name for column in case.monitored]
    assert list(references) == [*names, "score", "prediction"]
    assert references["prediction"].categories == ("ham", "spam")
    assert references["prediction"].counts.tolist() == [
        predictions.to_pylist().count("ham"),
        predictions.to_pylist().count("spam"),
        0,
    ]


def test_the_score_is_the_probability_of_the_positive_class_or_the_largest():
    case, features, probabilities, predictions = spam_rows(300)
    table = build_baseline(case, features, probabilities, predictions)
    reference = read_baseline(baseline_bytes(table))["score"]
    assert reference.points[0] == probabilities[:, 1].min()
    assert reference.points[-1] == probabilities[:, 1].max()


def test_the_same_rows_give_the_same_bytes():
    first, second = (baseline_bytes(build_baseline(*spam_rows(500))) for _ in range(2))
    assert first == second


def test_unknown_entities_count_as_missing():
    case, features, probabilities, predictions = spam_rows(600)
    references = read_baseline(
        baseline_bytes(build_baseline(case, features, probabilities, predictions))
    )
    for name in case.entity_features.names:
        assert references[name].rows == 600
        assert references[name].missing == 200


def test_null_and_nan_count_as_missing():
    values = pa.array([1.0, None, float("nan"), 2.0], pa.float32())
    reference = reference_of(use_case("iris"), MonitoredColumn("petal_length"), values)
    assert (reference.rows, reference.missing) == (4, 2)
    assert reference.cells.sum() == 2


def test_continuous_values_fall_into_ten_equal_bins():
    values = pa.array(np.random.default_rng(0).normal(size=5000), pa.float32())
    reference = reference_of(use_case("iris"), MonitoredColumn("petal_length"), values)
    assert reference.bins(reference.cells).tolist() == [500] * 10
    assert len(reference.points) == 1001


@pytest.mark.parametrize("ones", [0.03, 0.5, 0.97, 1.0])
def test_the_values_of_a_flag_have_different_bins(ones):
    values = np.zeros(1000, np.float32)
    values[: int(1000 * ones)] = 1
    case, column = use_case("iris"), MonitoredColumn("petal_length")
    reference = reference_of(case, column, pa.array(values))
    bins = [
        reference.bins(reference.count(pa.array([value], pa.float64()))).argmax()
        for value in (0.0, 1.0)
    ]
    assert bins[0] != bins[1]


def test_a_constant_column_has_bins_on_both_sides():
    values = pa.array([3.0] * 300, pa.float32())
    reference = reference_of(use_case("iris"), MonitoredColumn("petal_length"), values)
    assert reference.bins(reference.cells).tolist() == [0, 300, 0]


def test_a_column_without_values_has_an_empty_reference():
    values = pa.nulls(50, pa.float32())
    reference = reference_of(use_case("iris"), MonitoredColumn("petal_length"), values)
    assert (reference.rows, reference.missing) == (50, 50)
    assert reference.bins(reference.cells).tolist() == [0]
    assert len(reference.quantiles(10)) == 0


def test_rare_categories_are_counted_together():
    names = [f"c{number}" for number in range(150) for _ in range(1 + (number < 90))]
    column = MonitoredColumn("kind", "categorical")
    reference = reference_of(use_case("iris"), column, pa.array(names))
    assert len(reference.categories) == 100
    assert reference.counts[-1] == 50
    assert reference.count(pa.array(["c0", "never seen"])).tolist()[-1] == 1


def test_quantiles_follow_the_distribution():
    values = np.random.default_rng(1).gamma(2, 3, 8000).astype(np.float32)
    column = MonitoredColumn("petal_length")
    reference = reference_of(use_case("iris"), column, pa.array(values))
    expected = np.quantile(values, (np.arange(50) + 0.5) / 50)
    assert reference.quantiles(50) == pytest.approx(expected, rel=0.02, abs=0.05)


def test_a_stored_baseline_is_read_back():
    case, features, probabilities, predictions = spam_rows(400)
    table = build_baseline(case, features, probabilities, predictions)
    data = baseline_bytes(table)
    assert pq.read_table(io.BytesIO(data)).equals(table)
    counts = dict(zip(table["column"].to_pylist(), table["counts"].to_pylist(), strict=True))
    for name, reference in read_baseline(data).items():
        assert reference.bins(reference.cells).tolist() == counts[name]


def test_inconsistent_arguments_are_refused():
    case, features, probabilities, predictions = spam_rows(30)
    with pytest.raises(InvalidInput, match="the lengths must be equal"):
        build_baseline(case, features, probabilities[:-1], predictions)
    with pytest.raises(InvalidInput, match="not one of its features"):
        build_baseline(case, features.select(["text"]), probabilities, predictions)


@pytest.mark.parametrize("data", [b"", b"PAR1 nonsense", b"\x00" * 400])
def test_bytes_that_are_not_parquet_are_refused(data):
    with pytest.raises(InvalidData, match="not a readable Parquet file"):
        read_baseline(data)


def test_parquet_that_is_not_a_baseline_is_refused():
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)
    with pytest.raises(InvalidData, match="not a baseline of format 1"):
        read_baseline(sink.getvalue())
