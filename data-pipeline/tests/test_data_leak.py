"""How well a column alone predicts the label, with its interval."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from data_pipeline.report.columns import Column, column_reports, sample_columns
from data_pipeline.report.contract import Role
from data_pipeline.report.leakage import (
    MAX_CATEGORIES,
    MIN_ROWS_PER_SIDE,
    auc,
    column_aucs,
    leak_warnings,
)
from use_cases import model_schema, use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
NAN = float("nan")
# Few different values, so that ties are the rule.
TIED = st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0, 3.0])
ROWS = st.integers(30, 80)


@st.composite
def scored(draw):
    """Scores with enough known rows on both sides, and rows without a value."""
    kind = draw(st.sampled_from([TIED, st.floats(-1e6, 1e6)]))
    ones, zeros = (draw(st.integers(MIN_ROWS_PER_SIDE, 40)) for _ in range(2))
    unknown = draw(st.integers(0, 5))
    known = draw(hnp.arrays(np.float64, ones + zeros, elements=kind))
    scores = np.concatenate([known, np.full(unknown, NAN)])
    positive = np.array([True] * ones + [False] * zeros + [True, False] * unknown)[: len(scores)]
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(scores))
    return scores[order], positive[order]


@settings(deadline=None)
@given(scored())
def test_auc_equals_that_of_scikit_learn_in_the_better_direction(case) -> None:
    scores, positive = case
    known = ~np.isnan(scores)
    expected = roc_auc_score(positive[known], scores[known])
    value, low, high, rows = auc(scores, positive)
    assert value == pytest.approx(max(expected, 1 - expected), abs=1e-12)
    assert rows == known.sum()
    assert 0.5 <= low <= value <= high <= 1


@settings(deadline=None)
@given(scored())
def test_auc_depends_on_the_order_of_values_only(case) -> None:
    scores, positive = case
    finite = scores[~np.isnan(scores)]
    ranks = np.where(np.isnan(scores), NAN, np.searchsorted(np.unique(finite), scores))
    value, *_ = auc(scores, positive)
    for turned in (ranks, np.exp(ranks / 10), 5 - 2 * ranks, ranks**3):
        assert auc(turned, positive)[0] == pytest.approx(value, abs=1e-12)
    assert auc(scores, ~positive)[0] == pytest.approx(value, abs=1e-12)


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), ROWS)
def test_auc_of_a_constant_is_one_half(value: float, n: int) -> None:
    assert auc(np.full(n, value), np.arange(n) % 3 == 0) == (0.5, 0.5, 0.5, n)


def test_auc_is_none_without_enough_known_rows_on_both_sides() -> None:
    positive = np.arange(100) < 50
    assert auc(np.full(100, NAN), positive) is None
    assert auc(np.where(positive, 1.0, NAN), positive) is None
    assert auc(np.arange(100.0), np.arange(100) < MIN_ROWS_PER_SIDE - 1) is None


@pytest.mark.parametrize("seed", range(5))
def test_auc_of_a_shuffled_label_is_near_one_half(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, positive = random.normal(size=4_000), random.random(4_000) < 0.3
    value, low, *_ = auc(scores, positive)
    assert value < 0.53
    assert low < 0.515


def test_the_interval_covers_the_true_auc_at_its_nominal_rate() -> None:
    random = np.random.default_rng(7)
    true, hits = 0.8413, 0  # of two normal distributions that are √2 apart: Φ(1)
    positive = np.arange(160) % 2 == 0
    for _ in range(400):
        _, low, high, _ = auc(random.normal(size=160) + np.sqrt(2) * positive, positive)
        hits += low <= true <= high
    assert 0.91 <= hits / 400 <= 0.985


def labelled(n: int = 2_000) -> tuple[pa.Array, np.ndarray]:
    positive = np.random.default_rng(3).random(n) < 0.4
    return pa.array(["spam" if p else "ham" for p in positive]), positive


def best(values: pa.Array, labels: pa.Array) -> dict[str, float]:
    return {one.encoding: one.auc for one in column_aucs(values, labels, ["spam"])}


def test_a_unique_id_predicts_nothing() -> None:
    labels, _ = labelled()
    found = best(pa.array([f"id-{i:05d}-x" for i in range(len(labels))]), labels)
    assert found["category"] == pytest.approx(0.5, abs=0.01)
    assert found["length"] == 0.5


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_a_code_that_implies_the_label_is_found(kind: pa.DataType) -> None:
    labels, positive = labelled()
    codes = pa.array([f"{'ab'[int(p)]}{i % 5}" for i, p in enumerate(positive)]).cast(kind)
    assert best(codes, labels)["category"] == 1.0


ORDERED = [
    pa.array([1, 0]),
    pa.array([1.5, -2.0]),
    pa.array([datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]),
    pa.array([datetime(2020, 1, 2), datetime(2020, 1, 1)]),  # noqa: DTZ001
    pa.array([date(2020, 1, 2), date(2020, 1, 1)]),
]
FLAGS = [pa.array([True, False]), pa.array([timedelta(seconds=2), timedelta(seconds=1)])]


@pytest.mark.parametrize("column", ORDERED + FLAGS, ids=lambda column: str(column.type))
def test_numbers_times_and_booleans_are_encoded_by_their_value(column: pa.Array) -> None:
    labels, positive = labelled(200)
    assert best(column.take(pa.array(np.where(positive, 0, 1))), labels) == {"value": 1.0}


@pytest.mark.parametrize("column", ORDERED, ids=lambda column: str(column.type))
def test_numbers_and_times_in_text_columns_are_encoded_by_their_value(column: pa.Array) -> None:
    labels, positive = labelled(200)
    values = column.take(pa.array(np.where(positive, 0, 1))).cast(pa.string())
    assert best(values, labels) == {"value": 1.0}


def test_missing_values_and_blank_text_have_an_encoding_of_their_own() -> None:
    labels, positive = labelled()
    random = np.random.default_rng(1)
    numbers = pa.array(np.where(positive, NAN, random.normal(size=len(positive))), from_pandas=True)
    assert best(numbers, labels) == {"missing": 1.0}
    texts = pa.array(["  " if p else f"text {i}" for i, p in enumerate(positive)])
    assert best(texts, labels)["missing"] == 1.0


def test_a_word_that_implies_the_label_is_found_at_both_ends_of_long_texts() -> None:
    labels, positive = labelled()
    random = np.random.default_rng(2)
    filler = [" ".join(f"w{w}" for w in random.integers(0, 300, 600)) for _ in positive]
    for wrap in ("{} {}", "{1} {0}"):
        footer = (
            wrap.format("unsubscribe" if p else "regards", t)
            for p, t in zip(positive, filler, strict=True)
        )
        first, *_ = column_aucs(pa.array(list(footer)), labels, ["spam"])
        assert (first.encoding, first.auc) == ("word", 1.0)
        assert first.word in {"unsubscribe", "regards"}
    unrelated = best(pa.array(filler), labels)
    assert set(unrelated) == {"category", "length", "word"}
    assert max(unrelated.values()) < 0.56


def test_text_with_few_different_values_is_encoded_as_a_category_only() -> None:
    labels, _ = labelled()
    few = pa.array([f"kind {'x' * (i % MAX_CATEGORIES)}" for i in range(len(labels))])
    assert set(best(few, labels)) == {"category"}


def test_columns_without_values_or_of_other_types_have_no_auc() -> None:
    labels, _ = labelled(200)
    for values in (pa.nulls(200, pa.string()), pa.nulls(200, pa.float64()), pa.nulls(200),
                   pa.array([b"\xff"] * 200), pa.array([{"a": 1}] * 200)):  # fmt: skip
        assert column_aucs(values, labels, ["spam"]) == ()


def column(name: str, role: Role, values: list, labels: list[str]) -> Column:
    return Column(name, role, pa.array(values), pa.array(labels))


def test_with_several_classes_the_best_predicted_class_is_named() -> None:
    labels = [IRIS.classes[i % 3] for i in range(300)]
    virginica = [float(label == "virginica") for label in labels]
    (found,) = column_reports(IRIS, [column("x", Role.NONE, virginica, labels)], 0.95)
    assert (found.aucs[0].of_class, found.aucs[0].auc, found.warning) == ("virginica", 1.0, True)


def test_columns_are_sorted_by_auc_and_warn_above_the_limit_only() -> None:
    labels = [("ham", "spam")[i % 2] for i in range(400)]
    random = np.random.default_rng(0)
    exact = [float(i % 2) for i in range(400)]
    noise = random.normal(size=400).tolist()
    found = column_reports(
        SPAM,
        [
            column("noise", Role.FEATURE, noise, labels),
            column("secret", Role.NONE, exact, labels),
            column("feature", Role.FEATURE, exact, labels),
            column("unreadable", Role.NONE, [None] * 400, labels),
        ],
        0.95,
    )
    assert [one.name for one in found] == ["feature", "secret", "noise", "unreadable"]
    assert [one.warning for one in found] == [True, True, False, False]
    first, second = leak_warnings(found, 0.95)
    assert "feature (1.0000 for spam by its value)" in first
    assert "secret" in second
    assert "never reach a model" in second


def test_entity_features_are_judged_on_rows_with_a_known_entity() -> None:
    n = 600
    label = ["spam" if i % 2 else "ham" for i in range(n)]
    known = np.arange(n) % 3 == 0
    rate = np.where(known, np.where(np.arange(n) % 2 == 1, 0.9, 0.1), 0.5)
    messages = np.where(known, 1.0, 0.0)
    schema = model_schema(SPAM)
    numbers = np.zeros((n, len(schema.numbers)), np.float32)
    numbers[:, schema.numbers.index("sender_domain_spam_rate")] = rate
    numbers[:, schema.numbers.index("sender_domain_messages")] = messages
    features = pa.Table.from_batches([schema.batch([pa.array(["words"] * n)], numbers)])
    records = {name: [""] * n for name in SPAM.record_schema.names}
    records |= {"label": label, "event_timestamp": pa.nulls(n, pa.timestamp("us", tz="UTC"))}
    features = features.append_column("label", pa.array(label))
    columns = sample_columns(SPAM, pa.table(records), features, None)
    found = {one.name: one for one in column_reports(SPAM, columns, 0.95)}
    rates = found["sender_domain_spam_rate"]
    assert (rates.role, rates.known, rates.rows) == (Role.ENTITY, known.sum(), n)
    assert (rates.aucs[0].encoding, rates.aucs[0].auc) == ("value", 1.0)
    assert rates.aucs[0].rows == known.sum()
    assert found["log_lines"].role is Role.FEATURE
    assert found["sender"].role is Role.RECORD
    assert found["email_id"].role is Role.NONE, "no feature reads it"
    assert "date" not in found
