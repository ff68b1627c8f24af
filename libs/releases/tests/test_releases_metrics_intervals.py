"""Intervals of metrics: the bootstrap counts rows as `evaluate` does, and draws clusters."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.intervals import FEWEST_RESAMPLES, RESAMPLES, Interval, intervals, resamples
from releases.metrics import evaluate
from releases.weighted import Answered, weighted_metrics
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
# Few distinct scores, so that ties are common.
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def binary(spam, score):
    labels = pa.array(np.where(spam, "spam", "ham"))
    predictions = pa.array(np.where(score >= 0.5, "spam", "ham"))
    return labels, np.stack([1 - score, score], axis=1), predictions


def mails(rows, seed=0, noise=0.25):
    random = np.random.default_rng(seed)
    spam = random.random(rows) < 0.4
    score = np.clip(np.where(spam, 0.7, 0.3) + random.normal(0, noise, rows), 0.001, 0.999)
    return binary(spam, score)


def each_its_own(rows):
    return pa.array([f"row-{number}" for number in range(rows)])


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_a_weight_counts_a_row_as_often(rows):
    spam, score, times = (np.array(column) for column in zip(*rows, strict=True))
    labels, probabilities, predictions = binary(spam > 0, score)
    repeated = np.repeat(np.arange(len(rows)), times)
    answered = Answered.of(SPAM, labels, probabilities, predictions)
    found = weighted_metrics(answered, times[None, :].astype(float))
    expected = evaluate(
        SPAM, labels.take(repeated), probabilities[repeated], predictions.take(repeated)
    )
    for name, (value,) in found.items():
        assert value == pytest.approx(expected.get(name, np.nan), nan_ok=True), name


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_of_several_classes_it_is_the_mean_against_the_rest(rows):
    truth, _, said = (np.array(column) for column in zip(*rows, strict=True))
    labels, predictions = (pa.array([IRIS.classes[i % 3] for i in v]) for v in (truth, said))
    probabilities = np.full((len(rows), 3), 0.2)
    probabilities[np.arange(len(rows)), said % 3] = 0.6
    answered = Answered.of(IRIS, labels, probabilities, predictions)
    found = weighted_metrics(answered, np.ones((1, len(rows))))
    expected = evaluate(IRIS, labels, probabilities, predictions)
    for name, (value,) in found.items():
        assert value == pytest.approx(expected.get(name, np.nan), nan_ok=True), name


def test_an_interval_holds_the_metric_and_repeats_itself():
    given_ = mails(400)
    found = intervals(SPAM, *given_, each_its_own(400), seed=1)
    assert found == intervals(SPAM, *given_, each_its_own(400), seed=1)
    assert found != intervals(SPAM, *given_, each_its_own(400), seed=2)
    metrics = evaluate(SPAM, *given_)
    assert {"f1", "recall", "false_positive_rate", "roc_auc"} <= set(found)
    for name, interval in found.items():
        assert interval.low < metrics[name] < interval.high, name


def test_it_is_as_wide_as_theory_says():
    """The standard error of a share among n rows is sqrt(p (1 - p) / n)."""
    given_ = mails(2_000)
    found = intervals(SPAM, *given_, each_its_own(2_000), seed=0)["accuracy"]
    share = evaluate(SPAM, *given_)["accuracy"]
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / 2_000)
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_rows_that_stand_or_fall_together_make_it_wider():
    labels, probabilities, predictions = mails(200)
    copies = np.repeat(np.arange(200), 10)
    given_ = (labels.take(copies), probabilities[copies], predictions.take(copies))
    apart = intervals(SPAM, *given_, each_its_own(2_000), seed=0)["f1"]
    together = intervals(SPAM, *given_, pa.array(copies.astype(str)), seed=0)["f1"]
    widths = [interval.high - interval.low for interval in (together, apart)]
    assert widths[0] == pytest.approx(np.sqrt(10) * widths[1], rel=0.25)


def test_no_error_is_not_certainty():
    """Of n clusters without an error the exact interval ends at 1 - 0.025 ** (1 / n)."""
    spam = np.arange(200) % 2 == 0
    found = intervals(SPAM, *binary(spam, np.where(spam, 0.9, 0.1)), each_its_own(200), seed=0)
    free = 0.025 ** (1 / 100)
    assert found["false_positive_rate"] == Interval(0.0, pytest.approx(1 - free))
    assert found["recall"] == Interval(pytest.approx(free), 1.0)
    assert "f1" not in found
    assert "roc_auc" not in found


def test_a_class_that_is_not_there_has_no_interval():
    ham = np.zeros(50, bool)
    found = intervals(SPAM, *binary(ham, np.linspace(0.1, 0.9, 50)), each_its_own(50), seed=0)
    assert set(found) == {"accuracy"}


def test_many_rows_get_fewer_resamples_but_never_too_few():
    assert resamples(800) == RESAMPLES
    assert resamples(40_000) == 500
    assert resamples(10_000_000) == FEWEST_RESAMPLES
