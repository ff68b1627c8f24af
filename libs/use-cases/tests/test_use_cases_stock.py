"""The stock candidates answer as their ONNX graphs do, and are found by name."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from platform_core.errors import InvalidInput
from use_cases import default_parameters
from use_cases.feature_schema import FeatureSchema
from use_cases.stock import candidates
from use_cases.stock.candidates import (
    BINARY_TEXT_CLASSIFIERS,
    CLASSIFIERS,
    REGRESSORS,
    TEXT_CLASSIFIERS,
)
from use_cases.testing import run_graph, run_regressor


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in training: more threads than idle cores make histograms a hundred times slower."""
    with threadpool_limits(1):
        yield


TABLE = FeatureSchema(numbers=("amount", "age", "is_member", "tiny"))
TEXT = FeatureSchema(texts=("text",))
BOTH = FeatureSchema(texts=("text",), numbers=TABLE.numbers)
CLASSES = {"binary": ("yes", "no"), "multiclass": ("low", "middle", "high")}
PARITY = 1e-5


def rows(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Values of very different size, some of them neighbours as float32, and a score."""
    random = np.random.default_rng(seed)
    amount = random.lognormal(6, 2, count)
    near = 1 + random.integers(0, 50, count) * 2.0**-23
    frame = pd.DataFrame(
        {
            "amount": amount,
            "age": random.integers(18, 90, count),
            "is_member": random.random(count) < 0.3,
            "tiny": near,
        }
    ).astype(np.float32)
    words = random.choice(["good", "bad", "fine", "poor", "day", "night", "Mail"], (count, 8))
    frame.insert(0, "text", [" ".join(row) for row in words])
    score = np.log(amount) + (words == "good").sum(1) - (words == "bad").sum(1)
    return frame, score + random.normal(0, 0.5, count)


def labels(score: np.ndarray, task: str) -> np.ndarray:
    names = sorted(CLASSES[task])
    return np.asarray(names)[pd.qcut(score, len(names), labels=False)]


def fitted(schema: FeatureSchema, task: str, name: str, target: np.ndarray, frame) -> Pipeline:
    (one,) = candidates(schema, task, CLASSES.get(task, ()), [name])
    parameters = default_parameters(one.space)
    return one, one.build(parameters, 0).fit(frame[list(schema.names)], target)


@pytest.mark.parametrize(
    ("schema", "task", "name"),
    [
        *((TABLE, task, name) for task in CLASSES for name in CLASSIFIERS),
        *((schema, "multiclass", name) for schema in (TEXT, BOTH) for name in TEXT_CLASSIFIERS),
        *((schema, "binary", name) for schema in (TEXT, BOTH) for name in BINARY_TEXT_CLASSIFIERS),
        *((schema, "binary", "piecewise_logistic_regression") for schema in (TEXT, BOTH)),
    ],
)
def test_a_classifier_answers_as_its_graph_does(schema, task, name):
    frame, score = rows(600, seed=0)
    one, model = fitted(schema, task, name, labels(score, task), frame)
    unseen, _ = rows(3_000, seed=1)
    order = [list(model.classes_).index(name) for name in CLASSES[task]]
    expected = model.predict_proba(unseen[list(schema.names)])[:, order]
    graph = one.to_onnx(model).SerializeToString()
    np.testing.assert_allclose(run_graph(graph, unseen, schema), expected, rtol=0, atol=PARITY)
    assert set(model.predict(unseen[list(schema.names)])) <= set(CLASSES[task])


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_answers_as_its_graph_does(name):
    frame, score = rows(600, seed=0)
    one, model = fitted(TABLE, "regression", name, score, frame)
    unseen, _ = rows(3_000, seed=1)
    expected = model.predict(unseen[list(TABLE.names)])
    graph = one.to_onnx(model).SerializeToString()
    actual = run_regressor(graph, unseen, TABLE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=PARITY * np.std(score))


def test_tables_get_every_family_and_texts_those_that_suit_them():
    assert [one.name for one in candidates(TABLE, "binary", ("a", "b"))] == list(CLASSIFIERS)
    assert [one.name for one in candidates(TABLE, "regression")] == list(REGRESSORS)
    two, three = ("a", "b"), ("a", "b", "c")
    assert [one.name for one in candidates(BOTH, "binary", two)] == list(BINARY_TEXT_CLASSIFIERS)
    assert [one.name for one in candidates(BOTH, "multiclass", three)] == list(TEXT_CLASSIFIERS)


@pytest.mark.parametrize(
    ("schema", "task", "classes", "names", "reason"),
    [
        (TABLE, "binary", ("a", "b"), ["ridge"], "stock candidate 'ridge' is unknown for binary"),
        (TABLE, "binary", ("a", "b"), ["nb_logistic_regression"], "unknown for binary"),
        (TEXT, "multiclass", ("a", "b", "c"), ["nb_logistic_regression"], "unknown for multiclass"),
        (TABLE, "clustering", ("a", "b"), None, "task 'clustering' is unknown"),
        (TABLE, "binary", ("a", "b", "c"), None, "binary does not fit 3 classes"),
        (TABLE, "multiclass", ("a",), None, "multiclass does not fit 1 classes"),
        (TABLE, "regression", ("a", "b"), None, "regression does not fit 2 classes"),
        (FeatureSchema(), "binary", ("a", "b"), None, "neither texts nor numbers"),
    ],
)
def test_what_does_not_fit_is_refused(schema, task, classes, names, reason):
    with pytest.raises(InvalidInput, match=reason):
        candidates(schema, task, classes, names)


def test_a_seldom_missing_number_does_not_outweigh_the_others() -> None:
    schema = FeatureSchema(numbers=("age", "age_missing"))
    random = np.random.default_rng(0)
    age = random.uniform(0, 100, 2000)
    frame = pd.DataFrame({"age": age, "age_missing": 0.0}, dtype=np.float32)
    labels = np.where(age + random.normal(0, 40, 2000) > 50, "old", "young")
    frame.loc[:2, ["age", "age_missing"]] = 50, 1
    labels[:3] = "young"
    (candidate,) = candidates(schema, "binary", ("young", "old"), ["logistic_regression"])
    model = candidate.build(default_parameters(candidate.space), 0).fit(frame, labels)
    unseen = pd.DataFrame({"age": [95.0], "age_missing": [1.0]}, dtype=np.float32)
    assert model.predict(unseen) == ["old"]


def low_or_high(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A label that is more likely for small and for large ages than for those in between."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": random.uniform(0, 100, count), "member": random.integers(0, 2, count)}
    ).astype(np.float32)
    far = np.abs(frame["age"] - 50) + random.normal(0, 10, count) > 25
    return frame, np.where(far, "yes", "no")


def test_piecewise_logistic_regression_learns_an_effect_that_rises_and_falls() -> None:
    schema = FeatureSchema(numbers=("age", "member"))
    names = ["logistic_regression", "piecewise_logistic_regression"]
    learn, unseen = low_or_high(1_000, seed=0), low_or_high(1_000, seed=1)
    linear, piecewise = (
        one.build(default_parameters(one.space), 0).fit(*learn).score(*unseen)
        for one in candidates(schema, "binary", ("no", "yes"), names)
    )
    assert linear < 0.6
    assert piecewise > 0.8


def test_the_number_of_pieces_is_a_parameter() -> None:
    schema = FeatureSchema(numbers=("age",))
    (one,) = candidates(schema, "binary", ("no", "yes"), ["piecewise_logistic_regression"])
    frame, target = low_or_high(200, seed=0)
    weights = [
        one.build({"C": 1.0, "pieces": pieces}, 0).fit(frame, target)[-1].coef_.size
        for pieces in (2, 8)
    ]
    assert weights == [1 + 2, 1 + 8]


def test_numbers_without_pieces_stay_linear() -> None:
    schema = FeatureSchema(numbers=("member", "paid", "paid_missing", "plan=basic"))
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        random.integers(0, 2, (300, len(schema.numbers))), columns=schema.numbers, dtype=np.float32
    )
    target = np.where(frame["member"] + random.normal(0, 0.3, 300) > 0.5, "yes", "no")
    names = ["logistic_regression", "piecewise_logistic_regression"]
    linear, piecewise = candidates(schema, "binary", ("no", "yes"), names)
    expected = linear.build({"C": 1.0}, 0).fit(frame, target).predict_proba(frame)
    model = piecewise.build({"C": 1.0, "pieces": 4}, 0).fit(frame, target)
    actual = run_graph(piecewise.to_onnx(model).SerializeToString(), frame, schema)
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=0, atol=PARITY)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=PARITY)


def test_numbers_beyond_those_of_the_fit_are_answered_as_by_the_model() -> None:
    schema = FeatureSchema(numbers=("age", "member"))
    frame, target = low_or_high(500, seed=0)
    (one,) = candidates(schema, "binary", ("no", "yes"), ["piecewise_logistic_regression"])
    model = one.build(default_parameters(one.space), 0).fit(frame, target)
    ages = [-1e12, -1.0, 0.0, 100.0, 101.0, 1e12]
    unseen = pd.DataFrame({"age": ages, "member": 0.0}, dtype=np.float32)
    actual = run_graph(one.to_onnx(model).SerializeToString(), unseen, schema)
    np.testing.assert_allclose(actual, model.predict_proba(unseen), rtol=0, atol=PARITY)
