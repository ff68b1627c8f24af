"""Parity of the stock candidates on real rows; what is not here is skipped."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from use_cases import default_parameters
from use_cases.feature_schema import FeatureSchema
from use_cases.stock import candidates
from use_cases.stock.candidates import BINARY_TEXT_CLASSIFIERS, CLASSIFIERS, TEXT_CLASSIFIERS
from use_cases.testing import run_graph

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
LABELS = {
    "churn_telco": "Churn",
    "stream_elec2": "label",
    "iris": "species",
    "sentiment_imdb20k": "label",
    "news20_posts_train": "label",
    "emails_folders": "folder",
    "sms_spam": "label",
}
NOT_FEATURES = {"customerID", "t", "label", "species", "Churn"}
TABLES = ("churn_telco", "stream_elec2", "iris")
BINARY_TEXTS = ("sentiment_imdb20k", "sms_spam")
ROWS = 400
PARITY = 1e-6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def read(name: str) -> tuple[pd.DataFrame, np.ndarray, FeatureSchema]:
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"no {name} here (set SHARED_DATA)")
    frame = pd.read_parquet(path)
    frame = frame.sample(min(ROWS, len(frame)), random_state=0)
    labels = frame[LABELS[name]].astype(str).to_numpy()
    if name not in TABLES:
        columns = [column for column in ("subject", "body", "text") if column in frame]
        text = frame[columns].fillna("").agg("\n".join, axis=1).str.slice(0, 1_000)
        return text.to_frame("text"), labels, FeatureSchema(texts=("text",))
    numbers = pd.get_dummies(frame.drop(columns=list(NOT_FEATURES & set(frame)))).astype(np.float32)
    numbers = numbers.fillna(0.0).loc[:, lambda table: table.nunique() > 1].iloc[:, :60]
    return numbers, labels, FeatureSchema(numbers=tuple(numbers.columns))


def suited(data: str) -> tuple[str, ...]:
    if data in TABLES:
        return CLASSIFIERS
    return BINARY_TEXT_CLASSIFIERS if data in BINARY_TEXTS else TEXT_CLASSIFIERS


@pytest.mark.parametrize(
    ("data", "name"),
    [(data, name) for data in LABELS for name in suited(data)],
)
def test_a_stock_candidate_answers_real_rows_as_its_graph_does(data, name):
    frame, labels, schema = read(data)
    unseen = np.arange(len(frame)) % 3 == 0
    classes = sorted(set(labels[~unseen]))
    task = "binary" if len(classes) == 2 else "multiclass"
    (one,) = candidates(schema, task, classes, [name])
    model = one.build(default_parameters(one.space), 0).fit(frame[~unseen], labels[~unseen])
    actual = run_graph(one.to_onnx(model).SerializeToString(), frame[unseen], schema)
    expected = model.predict_proba(frame[unseen])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=PARITY)
