"""From scikit-learn to ONNX, beyond what the built-in candidates need."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from platform_core.errors import InvalidInput
from use_cases.closed_vectoriser import TOKEN_PATTERN
from use_cases.export import export
from use_cases.feature_schema import FeatureSchema
from use_cases.testing import run_graph

NUMBERS = FeatureSchema(numbers=("a", "b"))
TEXT = FeatureSchema(("text",), ("a",))
FRAME = pd.DataFrame(
    {
        "text": ["good day", "bad day", "so so", "", "very good", "bad bad night"] * 4,
        "a": np.linspace(-1, 1, 24, dtype=np.float32),
        "b": np.linspace(3, -2, 24, dtype=np.float32) ** 2,
    }
)
LABELS = ["x", "z", "y", "y", "x", "z"] * 4


def on_numbers() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME[["a", "b"]], LABELS)


def on_text(vectoriser) -> Pipeline:
    columns = ColumnTransformer([("text", vectoriser, "text"), ("rest", "passthrough", ["a"])])
    return make_pipeline(columns, LogisticRegression(C=10)).fit(FRAME, LABELS)


@pytest.mark.parametrize("classes", [("x", "y", "z"), ("z", "x", "y")])
def test_columns_of_probabilities_stand_in_the_order_of_the_classes(classes):
    model = on_numbers()
    graph = export(model, NUMBERS, classes).SerializeToString()
    expected = model.predict_proba(FRAME[["a", "b"]])[:, [list("xyz").index(c) for c in classes]]
    np.testing.assert_allclose(run_graph(graph, FRAME, NUMBERS), expected, atol=1e-6)


def test_the_block_is_the_input_even_if_the_model_ignores_a_column():
    columns = ColumnTransformer([("only", "passthrough", ["a"])])
    model = make_pipeline(columns, LogisticRegression()).fit(FRAME[["a", "b"]], LABELS)
    graph = export(model, NUMBERS, "xyz")
    assert [tensor.name for tensor in graph.graph.input] == ["numbers"]
    actual = run_graph(graph.SerializeToString(), FRAME, NUMBERS)
    np.testing.assert_allclose(actual, model.predict_proba(FRAME[["a", "b"]]), atol=1e-6)


@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("lengths", [(1, 1), (1, 2)])
def test_text_is_cut_alike_whatever_the_norm(norm, lengths):
    model = on_text(words(norm=norm, ngram_range=lengths))
    graph = export(model, TEXT, "xyz").SerializeToString()
    unseen = FRAME.assign(text=["GOOD good-day", "x" * 500, "", " ", "é bad", "0 day day"] * 4)
    for frame in (FRAME, unseen):
        expected = model.predict_proba(frame)
        np.testing.assert_allclose(run_graph(graph, frame, TEXT), expected, atol=1e-5)


def test_vectorisers_inside_unions_are_found():
    cut = {"token_pattern": TOKEN_PATTERN, "lowercase": False}
    union = FeatureUnion([("n", CountVectorizer(**cut)), ("w", TfidfVectorizer(**cut))])
    model = on_text(union)
    graph = export(model, TEXT, "xyz").SerializeToString()
    np.testing.assert_allclose(run_graph(graph, FRAME, TEXT), model.predict_proba(FRAME), atol=1e-5)


def on_two_classes(classifier, *vectorisers: TfidfVectorizer, weight: float = 0.5) -> Pipeline:
    texts = [(f"text{n}", one, "text") for n, one in enumerate(vectorisers)]
    columns = ColumnTransformer(
        [*texts, ("rest", "passthrough", ["a"])], transformer_weights={"text1": weight}
    )
    return make_pipeline(columns, classifier).fit(FRAME, ["x", "y"] * 12)


def words(**settings) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=TOKEN_PATTERN, lowercase=False, **settings)


def normed_terms(graph) -> int:
    """How many operators still go through the normalised terms."""
    return sum(node.op_type == "ReduceSum" for node in graph.graph.node)


@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(C=10), SGDClassifier(loss="log_loss", random_state=0)],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize(
    ("vectorisers", "left"),
    [
        ([words(binary=True)], 0),
        ([words(binary=True), words(binary=True, ngram_range=(2, 2))], 0),
        ([words(binary=True), words(binary=False)], 1),
        ([words(binary=False)], 1),
        ([words(binary=True, norm=None)], 0),
        ([words(binary=True, use_idf=False)], 1),
    ],
    ids=["binary", "two", "binary, counts", "counts", "no norm", "no idf"],
)
@pytest.mark.parametrize("classes", ["xy", "yx"])
def test_text_folded_into_a_linear_classifier_gives_the_same(
    classifier, vectorisers, left, classes
):
    model = on_two_classes(clone(classifier), *map(clone, vectorisers))
    graph = export(model, TEXT, classes)
    order = [list("xy").index(name) for name in classes]
    unseen = FRAME.assign(text=["good good day", "", "nothing known", "bad", "so day", "0"] * 4)
    for frame in (FRAME, unseen):
        expected = model.predict_proba(frame)[:, order]
        actual = run_graph(graph.SerializeToString(), frame, TEXT)
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert normed_terms(graph) == left


def test_a_model_that_has_not_seen_every_class_is_refused():
    model = on_numbers()
    with pytest.raises(InvalidInput, match="every class"):
        export(model, NUMBERS, ("w", "x", "y", "z"))


def test_a_classifier_without_a_pipeline_is_refused():
    model = LogisticRegression().fit(FRAME[["a", "b"]], LABELS)
    with pytest.raises(InvalidInput, match="put it into a Pipeline"):
        export(model, NUMBERS, "xyz")


@pytest.mark.parametrize("columns", [["a"], ["b", "a"], ["c", "a"], ["a", "b", "c"]])
def test_steps_take_any_columns_of_the_block_in_any_order(columns):
    frame = FRAME.assign(c=np.linspace(0, 5, 24, dtype=np.float32))
    schema = FeatureSchema(("text",), ("a", "b", "c"))
    inputs = ColumnTransformer(
        [
            ("scaled", StandardScaler(), columns),
            ("text", words(), "text"),
            ("b", "passthrough", ["b"]),
        ]
    )
    model = make_pipeline(inputs, LogisticRegression(C=10)).fit(frame, LABELS)
    graph = export(model, schema, "xyz")
    assert [tensor.name for tensor in graph.graph.input] == ["text", "numbers"]
    actual = run_graph(graph.SerializeToString(), frame, schema)
    np.testing.assert_allclose(actual, model.predict_proba(frame), atol=1e-5)


def test_a_use_case_of_texts_alone_has_no_block():
    schema = FeatureSchema(("text",))
    columns = ColumnTransformer([("text", words(), "text")])
    model = make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS)
    graph = export(model, schema, "xyz")
    assert [tensor.name for tensor in graph.graph.input] == ["text"]
    actual = run_graph(graph.SerializeToString(), FRAME, schema)
    np.testing.assert_allclose(actual, model.predict_proba(FRAME), atol=1e-5)
