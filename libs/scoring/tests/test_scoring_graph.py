import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from platform_core.errors import ReleaseRefused
from scoring import Scorer, build_release
from scoring.graph import Graph
from use_cases import FeatureSchema, use_case
from use_cases.export import export

IRIS = use_case("iris")


def scorer(graph: bytes) -> Scorer:
    return Scorer(build_release(IRIS, graph, b"", None), IRIS)


def test_a_graph_that_fits_answers_every_row(iris_graph):
    scores = scorer(iris_graph()).score(IRIS.golden_records())

    assert scores.probabilities.dtype == np.float32
    np.testing.assert_allclose(scores.probabilities, [[0.2, 0.3, 0.5]] * 3, rtol=1e-6)
    assert scores.predictions.to_pylist() == ["virginica"] * 3


@pytest.mark.parametrize("data", [b"", b"not a graph", b"\x00" * 100])
def test_bytes_that_are_no_graph_are_refused(data):
    with pytest.raises(ReleaseRefused, match="cannot be loaded"):
        scorer(data)


def test_half_a_graph_is_refused(iris_graph):
    graph = iris_graph()

    with pytest.raises(ReleaseRefused):
        scorer(graph[: len(graph) // 2])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stamp": "0" * 64}, "another feature schema"),
        ({"inputs": IRIS.record_schema.names, "width": 1}, "takes .* expected"),
        ({"inputs": ["numbers", "colour"]}, "takes .* expected"),
        ({"width": 3}, "takes .* expected"),
        ({"output": "scores"}, "answers .*scores"),
        ({"row": (0.5, 0.5)}, "answered shape"),
        ({"row": (0.2, float("nan"), 0.5)}, "not finite"),
        ({"row": (0.2, float("inf"), 0.5)}, "not finite"),
        ({"row": (-3.0, 1.5, 2.5)}, "not probabilities"),
        ({"row": (0.2, 0.2, 0.2)}, "not probabilities"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(iris_graph, changes, reason):
    with pytest.raises(ReleaseRefused, match=reason):
        scorer(iris_graph(**changes))


def test_the_graph_of_another_use_case_is_refused(trained):
    with pytest.raises(ReleaseRefused, match="another feature schema"):
        scorer(trained("spam"))


def test_probabilities_of_double_precision_become_float32(iris_graph):
    scores = scorer(iris_graph(kind=TensorProto.DOUBLE)).score(IRIS.golden_records())

    assert scores.probabilities.dtype == np.float32


def test_no_records_give_no_answers(iris_graph):
    scores = scorer(iris_graph()).score(IRIS.golden_records().slice(0, 0))

    assert scores.probabilities.shape == (0, 3)
    assert len(scores.predictions) == 0
    assert scores.predictions.type == pa.string()


def test_long_texts_are_answered_in_smaller_chunks_with_the_same_answers() -> None:
    schema = FeatureSchema(texts=("text",))
    frame = pd.DataFrame({"text": ["good day", "bad day"] * 4})
    columns = ColumnTransformer([("text", TfidfVectorizer(), "text")])
    model = make_pipeline(columns, LogisticRegression()).fit(frame, ["x", "y"] * 4)
    graph = Graph(export(model, schema, "xy").SerializeToString(), schema, 2)
    texts = ["good " * (40_000 if place % 40 == 39 else 1) for place in range(100)]
    batch = schema.batch([pa.array(texts)], np.empty((100, 0)))
    together = graph.answers(batch)
    alone = [graph.answers(batch.slice(place, 1)) for place in (0, 39, 40, 99)]
    np.testing.assert_allclose(together[[0, 39, 40, 99]], np.concatenate(alone), atol=1e-6)
