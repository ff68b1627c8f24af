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
