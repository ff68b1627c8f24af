"""What a column alone tells of the label, and how surely."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from data_pipeline.report.auc import MIN_ROWS_PER_SIDE, auc
from data_pipeline.report.contract import Role
from data_pipeline.report.leak import leak_warnings, leaks
from data_pipeline.report.readings import MAX_CATEGORIES, readings
from data_pipeline.report.sample import Column, Sample
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


@given(scored())
def test_it_is_the_area_that_scikit_learn_computes_whatever_the_direction(case) -> None:
    scores, positive = case
    known = ~np.isnan(scores)
    expected = roc_auc_score(positive[known], scores[known])
    found = auc(scores, positive)
    assert found.value == pytest.approx(max(expected, 1 - expected), abs=1e-12)
    assert found.rows == known.sum()
    assert 0.5 <= found.low <= found.value <= found.high <= 1


@given(scored())
def test_only_the_order_of_values_counts(case) -> None:
    scores, positive = case
    finite = scores[~np.isnan(scores)]
    ranks = np.where(np.isnan(scores), NAN, np.searchsorted(np.unique(finite), scores))
    found = auc(scores, positive)
    for turned in (ranks, np.exp(ranks / 10), 5 - 2 * ranks, ranks**3):
        assert auc(turned, positive).value == pytest.approx(found.value, abs=1e-12)
    assert auc(scores, ~positive).value == pytest.approx(found.value, abs=1e-12)


@given(st.floats(-1e9, 1e9), ROWS)
def test_a_constant_tells_nothing(value: float, n: int) -> None:
    found = auc(np.full(n, value), np.arange(n) % 3 == 0)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_without_enough_known_rows_on_both_sides_there_is_no_number() -> None:
    positive = np.arange(100) < 50
    assert auc(np.full(100, NAN), positive) is None
    assert auc(np.where(positive, 1.0, NAN), positive) is None
    assert auc(np.arange(100.0), np.arange(100) < MIN_ROWS_PER_SIDE - 1) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_shuffled_label_is_told_by_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, positive = random.normal(size=4_000), random.random(4_000) < 0.3
    found = auc(scores, positive)
    assert found.value < 0.53
    assert found.low < 0.515


def test_the_interval_holds_the_true_area_about_nineteen_times_of_twenty() -> None:
    random = np.random.default_rng(7)
    true, hits = 0.8413, 0  # of two normal distributions that are √2 apart: Φ(1)
    positive = np.arange(160) % 2 == 0
    for _ in range(400):
        found = auc(random.normal(size=160) + np.sqrt(2) * positive, positive)
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 400 <= 0.985


def labelled(n: int = 2_000) -> tuple[pa.Array, np.ndarray]:
    positive = np.random.default_rng(3).random(n) < 0.4
    return pa.array(["spam" if p else "ham" for p in positive]), positive


def best(values: pa.Array, labels: pa.Array) -> dict[str, float]:
    return {reading.how: reading.auc for reading in readings(values, labels, ["spam"])}


def test_an_id_that_never_repeats_tells_nothing_though_each_value_has_one_label() -> None:
    labels, _ = labelled()
    found = best(pa.array([f"id-{i:05d}-x" for i in range(len(labels))]), labels)
    assert found["category"] == pytest.approx(0.5, abs=0.01)
    assert found["length"] == 0.5


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_a_code_that_stands_for_the_label_is_found(kind: pa.DataType) -> None:
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
def test_numbers_times_and_booleans_are_read_as_they_are(column: pa.Array) -> None:
    labels, positive = labelled(200)
    assert best(column.take(pa.array(np.where(positive, 0, 1))), labels) == {"value": 1.0}


@pytest.mark.parametrize("column", ORDERED, ids=lambda column: str(column.type))
def test_so_are_they_where_they_came_as_text(column: pa.Array) -> None:
    labels, positive = labelled(200)
    values = column.take(pa.array(np.where(positive, 0, 1))).cast(pa.string())
    assert best(values, labels) == {"value": 1.0}


def test_absence_is_a_reading_of_its_own_and_blank_text_is_absent() -> None:
    labels, positive = labelled()
    random = np.random.default_rng(1)
    numbers = pa.array(np.where(positive, NAN, random.normal(size=len(positive))), from_pandas=True)
    assert best(numbers, labels) == {"missing": 1.0}
    texts = pa.array(["  " if p else f"text {i}" for i, p in enumerate(positive)])
    assert best(texts, labels)["missing"] == 1.0


def test_one_word_that_gives_the_label_away_is_found_at_either_end_of_long_texts() -> None:
    labels, positive = labelled()
    random = np.random.default_rng(2)
    filler = [" ".join(f"w{w}" for w in random.integers(0, 300, 600)) for _ in positive]
    for wrap in ("{} {}", "{1} {0}"):
        footer = (
            wrap.format("unsubscribe" if p else "regards", t)
            for p, t in zip(positive, filler, strict=True)
        )
        found = readings(pa.array(list(footer)), labels, ["spam"])
        assert (found[0].how, found[0].auc) == ("word", 1.0)
        assert found[0].word in {"unsubscribe", "regards"}
    shuffled = readings(pa.array(filler), labels, ["spam"])
    assert {r.how for r in shuffled} == {"category", "length", "word"}
    assert all(r.auc < 0.56 for r in shuffled)


def test_texts_of_few_kinds_are_judged_by_their_value_alone() -> None:
    labels, _ = labelled()
    few = pa.array([f"kind {'x' * (i % MAX_CATEGORIES)}" for i in range(len(labels))])
    assert set(best(few, labels)) == {"category"}


def test_what_has_no_value_at_all_or_no_order_has_no_reading() -> None:
    labels, _ = labelled(200)
    for values in (pa.nulls(200, pa.string()), pa.nulls(200, pa.float64()), pa.nulls(200),
                   pa.array([b"\xff"] * 200), pa.array([{"a": 1}] * 200)):  # fmt: skip
        assert readings(values, labels, ["spam"]) == ()


def column(name: str, role: Role, values: list, labels: list[str]) -> Column:
    return Column(name, role, pa.array(values), pa.array(labels))


def test_with_several_classes_the_one_that_is_told_best_is_named() -> None:
    labels = [IRIS.classes[i % 3] for i in range(300)]
    virginica = [float(label == "virginica") for label in labels]
    (leak,) = leaks(IRIS, [column("x", Role.NONE, virginica, labels)], 0.95)
    assert (leak.readings[0].of_class, leak.readings[0].auc, leak.warning) == (
        "virginica",
        1.0,
        True,
    )


def test_leaks_come_strongest_first_and_warn_above_the_limit_alone() -> None:
    labels = [("ham", "spam")[i % 2] for i in range(400)]
    random = np.random.default_rng(0)
    exact = [float(i % 2) for i in range(400)]
    noise = random.normal(size=400).tolist()
    found = leaks(
        SPAM,
        [
            column("noise", Role.FEATURE, noise, labels),
            column("secret", Role.NONE, exact, labels),
            column("feature", Role.FEATURE, exact, labels),
            column("unreadable", Role.NONE, [None] * 400, labels),
        ],
        0.95,
    )
    assert [leak.name for leak in found] == ["feature", "secret", "noise", "unreadable"]
    assert [leak.warning for leak in found] == [True, True, False, False]
    first, second = leak_warnings(found, 0.95)
    assert "feature (1.0000 for spam by its value)" in first
    assert "secret" in second
    assert "never reach a model" in second


def test_an_entity_feature_is_judged_on_the_rows_whose_entity_is_known() -> None:
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
    sample = Sample(SPAM, pa.table(records), features.append_column("label", pa.array(label)), None)
    found = {leak.name: leak for leak in leaks(SPAM, sample.columns(), 0.95)}
    rates = found["sender_domain_spam_rate"]
    assert (rates.role, rates.known, rates.rows) == (Role.ENTITY, known.sum(), n)
    assert (rates.readings[0].how, rates.readings[0].auc) == ("value", 1.0)
    assert rates.readings[0].rows == known.sum()
    assert found["log_lines"].role is Role.FEATURE
    assert found["sender"].role is Role.RECORD
    assert "date" not in found
