"""A model whose graph does not answer real rows as it does may not win."""

from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from training.search.models import model_input
from training.search.parity import Parity, compared
from use_cases import Candidate, UseCase, assemble, use_case
from use_cases.export import export
from use_cases.testing import variant

IRIS = use_case("iris")
SCHEMA = IRIS.feature_schema


def rows(seed: int) -> tuple[pa.Table, list[str]]:
    table = IRIS.training().generate(120, seed)
    records = table.select(IRIS.record_schema.names).combine_chunks().to_batches()[0]
    return pa.Table.from_batches([assemble(IRIS, records)]), table["species"].to_pylist()


def fitted(*steps: object) -> Pipeline:
    features, labels = rows(seed=0)
    return make_pipeline(*steps).fit(model_input(IRIS, features), labels)


def offering(to_onnx) -> UseCase:
    candidate = Candidate("one", lambda *_: None, {}, to_onnx)
    return variant(IRIS, training={"candidates": lambda _: [candidate]})


TO_ONNX = partial(export, schema=SCHEMA, classes=IRIS.classes)


def test_the_graph_of_a_scaled_forest_matches_the_model() -> None:
    model = fitted(StandardScaler(), RandomForestClassifier(20, random_state=0))
    found = compared(offering(TO_ONNX), "one", model, rows(seed=1)[0])
    assert found.excluded is None
    assert found.rows == 120
    assert found.largest <= 1e-6


def test_a_graph_of_other_weights_is_excluded_with_the_difference() -> None:
    model = fitted(StandardScaler(), RandomForestClassifier(20, random_state=0))
    other = fitted(StandardScaler(), RandomForestClassifier(20, random_state=1))
    found = compared(offering(lambda _: TO_ONNX(other)), "one", model, rows(seed=1)[0])
    expected = np.abs(
        model.predict_proba(model_input(IRIS, rows(seed=1)[0]))
        - other.predict_proba(model_input(IRIS, rows(seed=1)[0]))
    ).max()
    assert found.largest == pytest.approx(expected, abs=1e-6)
    assert f"differs from the model by {found.largest:.2e} on 120 rows" in found.excluded


def test_a_model_that_no_converter_knows_is_excluded_with_the_reason() -> None:
    model = fitted(FunctionTransformer(np.log1p), KNeighborsClassifier())
    found = compared(offering(TO_ONNX), "one", model, rows(seed=1)[0])
    assert found == Parity(0, np.inf, 1e-5, found.problem)
    assert "FunctionTransformer" in found.excluded


def test_a_graph_that_answers_nan_is_excluded() -> None:
    assert Parity(5, float("nan"), 1e-5).excluded is not None
