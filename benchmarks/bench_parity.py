"""Parity: how far graphs of the stock candidates are from the models, on real rows."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from bench_report import say, table
from bench_settings import SHARED_DATA

from use_cases import FeatureSchema, default_parameters
from use_cases.stock import candidates
from use_cases.testing import run_graph

# The label of each dataset; for texts also the text columns.
TABLES = {"churn_telco": "Churn", "stream_elec2": "label", "iris": "species"}
TEXTS = {
    "sentiment_imdb20k": ("label", ["text"]),
    "news20_posts_train": ("label", ["subject", "body"]),
    "emails_folders": ("folder", ["subject", "body"]),
    "sms_spam": ("label", ["text"]),
}
NOT_FEATURES = {"customerID", "t", "label", "species", "Churn"}
ROWS, QUICK_ROWS = 6_000, 1_000
PARITY = 1e-5
CHUNK = 200


def run(options: argparse.Namespace) -> bool:
    """Return whether every stock candidate is within `PARITY` on every dataset in SHARED_DATA."""
    found = [name for name in (*TABLES, *TEXTS) if (SHARED_DATA / f"{name}.parquet").is_file()]
    if not found:
        say("set SHARED_DATA to a folder with the datasets to measure parity on real rows")
        return True
    count = QUICK_ROWS if options.quick else ROWS
    rows = [row for name in found for row in _measured(SHARED_DATA, name, count)]
    table("parity of the stock candidates", ["data", "candidate", "rows", "difference"], rows)
    return all(float(row[-1]) <= PARITY for row in rows)


def _measured(folder: Path, name: str, count: int) -> Iterator[list[str]]:
    frame = pd.read_parquet(folder / f"{name}.parquet")
    frame = frame.sample(min(count, len(frame)), random_state=0)
    inputs, labels, schema = _table(name, frame) if name in TABLES else _text(name, frame)
    held_out = np.arange(len(inputs)) % 3 == 0
    classes = sorted(set(labels[~held_out]))
    task = "binary" if len(classes) == len(("yes", "no")) else "multiclass"
    for one in candidates(schema, task, classes):
        model = one.build(default_parameters(one.space), 0)
        model.fit(inputs[~held_out], labels[~held_out])
        graph = one.to_onnx(model).SerializeToString()
        parts = [inputs[held_out][start : start + CHUNK] for start in range(0, count, CHUNK)]
        actual = np.concatenate([run_graph(graph, part, schema) for part in parts if len(part)])
        difference = np.abs(actual - model.predict_proba(inputs[held_out])).max()
        yield [name, one.name, f"{held_out.sum():,}", f"{difference:.1e}"]


def _table(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, FeatureSchema]:
    features = frame.drop(columns=list(NOT_FEATURES & set(frame)))
    numbers = pd.get_dummies(features).astype(np.float32).fillna(0.0)
    labels = frame[TABLES[name]].astype(str).to_numpy()
    return numbers, labels, FeatureSchema(numbers=tuple(numbers.columns))


def _text(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, FeatureSchema]:
    label, columns = TEXTS[name]
    text = frame[columns].fillna("").agg("\n".join, axis=1).to_frame("text")
    return text, frame[label].astype(str).to_numpy(), FeatureSchema(texts=("text",))
