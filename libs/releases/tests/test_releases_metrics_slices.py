"""Metrics of slices, and whether probabilities mean what they say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.calibration import expected_calibration_error, watched_outcomes
from releases.metrics import evaluate
from releases.slices import SHOWN, TOO_FEW_ROWS, slice_metrics
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")


def mails(rows, seed=0):
    random = np.random.default_rng(seed)
    spam = random.random(rows) < 0.4
    score = np.clip(np.where(spam, 0.7, 0.3) + random.normal(0, 0.25, rows), 0.001, 0.999)
    answers = pa.table(
        {
            "label": np.where(spam, "spam", "ham"),
            "prediction": np.where(score >= 0.5, "spam", "ham"),
            "cluster": [str(number) for number in range(rows)],
        }
    )
    return answers, np.stack([1 - score, score], axis=1)


def kinds(**columns):
    arrays = [pa.array(values, pa.string()) for values in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def test_a_slice_has_the_metrics_of_its_rows():
    answers, probabilities = mails(400)
    length = ["short"] * 150 + ["long"] * 250
    long, short = slice_metrics(SPAM, answers, probabilities, kinds(length=length), seed=0)
    assert (short.kind, short.name, short.rows, short.note) == ("length", "short", 150, "")
    part = answers.slice(0, 150).combine_chunks()
    expected = evaluate(
        SPAM,
        part["label"].combine_chunks(),
        probabilities[:150],
        part["prediction"].combine_chunks(),
    )
    assert set(short.metrics) == {"f1", "false_positive_rate", "recall"}
    for name, found in short.metrics.items():
        assert found.value == pytest.approx(expected[name])
        assert found.low < found.value < found.high
    assert long.rows == 250


def test_too_few_rows_or_one_class_have_no_figure():
    answers, probabilities = mails(200)
    only_ham = ["ham" if label == "ham" else None for label in answers["label"].to_pylist()]
    few = ["few"] * 29 + ["enough"] * 171
    found = slice_metrics(SPAM, answers, probabilities, kinds(only=only_ham, size=few), seed=0)
    assert [(one.name, one.note, bool(one.metrics)) for one in found] == [
        ("ham", TOO_FEW_ROWS, False),
        ("enough", "", True),
        ("few", TOO_FEW_ROWS, False),
    ]


def test_of_many_slices_the_largest_are_shown():
    answers, probabilities = mails(400)
    names = ["big"] * 100 + [f"small-{number:03}" for number in range(300)]
    found = slice_metrics(SPAM, answers, probabilities, kinds(source=names), seed=0)
    assert len(found) == SHOWN
    assert found[0].name == "big"


def test_no_kinds_give_no_slices():
    answers, probabilities = mails(50)
    assert slice_metrics(SPAM, answers, probabilities, kinds(), seed=0) == []


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_error_is_its_formula(rows):
    outcomes, said = (np.array(column, float) for column in zip(*rows, strict=True))
    total = 0.0
    for number in range(10):
        inside = np.minimum(np.floor(said * 10), 9) == number
        if inside.any():
            gap = abs(outcomes[inside].mean() - said[inside].mean())
            total += inside.sum() / len(rows) * gap
    assert expected_calibration_error(outcomes, said) == pytest.approx(total, abs=1e-9)


def test_it_watches_the_positive_class_or_the_answer():
    labels = pa.array(["spam", "ham"])
    outcomes, said = watched_outcomes(SPAM, labels, np.array([[0.2, 0.8], [0.4, 0.6]]))
    assert outcomes.tolist() == [1, 0]
    assert said.tolist() == pytest.approx([0.8, 0.6])
    species = pa.array(["setosa", "virginica"])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    outcomes, said = watched_outcomes(IRIS, species, probabilities)
    assert outcomes.tolist() == [1, 0]
    assert said.tolist() == pytest.approx([0.7, 0.6])
