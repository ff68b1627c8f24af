"""Evaluate, export, parity and baseline: what the best model does on rows it never saw."""

import pickle
from typing import Any

import numpy as np
import pyarrow as pa

from baseline import baseline_bytes, build_baseline
from data_pipeline import TEST
from data_pipeline.features import read_features
from releases.metrics import evaluate as evaluate_answers
from scoring.decision import decide
from scoring.graph import Graph
from training.bootstrap import Platform
from training.models import candidate, probabilities
from training.progress import say
from training.run_folder import BASELINE, MODEL_ONNX, MODEL_PICKLE, RunFolder
from training.steps.train import TRAINING
from use_cases import UseCase, model_schema, use_case

METRICS = "metrics.json"
PARITY = "parity.json"


def evaluate(platform: Platform, run: RunFolder, dataset_version: str) -> dict[str, float]:
    """Return the metrics on the test part; MLflow gets them with curves and confusion matrix."""
    from training.plots import evaluation_plots

    case = use_case(run.use_case)
    test = read_features(platform.store, case, dataset_version, TEST)
    answers = probabilities(case, _model(run), test)
    predictions = decide(case.decision, case.classes, answers)
    labels = test["label"].combine_chunks()
    metrics = evaluate_answers(case, labels, answers, predictions)
    run.write_json(METRICS, metrics)
    tracking, run_id = platform.tracking(case.name), run.read_json(TRAINING)["run_id"]
    tracking.metrics(run_id, metrics, platform.clock.now())
    plots = evaluation_plots(case, labels.to_pylist(), answers, predictions.to_pylist())
    for name, figure in plots.items():
        tracking.client.log_figure(run_id, figure, name)
    return metrics


def export_onnx(platform: Platform, run: RunFolder) -> int:
    """Write the best model as ONNX to the run's folder and return its size in bytes."""
    del platform
    case = use_case(run.use_case)
    name = run.read_json(TRAINING)["candidate"]
    graph = candidate(case, name).to_onnx(_model(run)).SerializeToString()
    run.write(MODEL_ONNX, graph)
    return len(graph)


def parity(platform: Platform, run: RunFolder, dataset_version: str) -> float:
    """Return the largest difference between ONNX and original probabilities over every test row."""
    case = use_case(run.use_case)
    test = read_features(platform.store, case, dataset_version, TEST)
    original = probabilities(case, _model(run), test)
    exported = _graph(run, case).probabilities(_batch(case, test))
    worst = float(np.abs(original - exported).max())
    run.write_json(PARITY, {"largest_difference": worst, "rows": test.num_rows})
    say(
        f"parity: {test.num_rows} rows, largest difference {worst:.2e}, "
        f"tolerance {case.gates.parity:.0e}"
    )
    return worst


def baseline(platform: Platform, run: RunFolder, dataset_version: str) -> int:
    """Write the baseline of the exported model's answers to the test part; return its rows."""
    case = use_case(run.use_case)
    test = _batch(case, read_features(platform.store, case, dataset_version, TEST))
    answers = _graph(run, case).probabilities(test)
    predictions = decide(case.decision, case.classes, answers)
    run.write(BASELINE, baseline_bytes(build_baseline(case, test, answers, predictions)))
    return test.num_rows


def _model(run: RunFolder) -> Any:
    # Written by the train step of this run into the platform's own store.
    return pickle.loads(run.read(MODEL_PICKLE))  # noqa: S301


def _graph(run: RunFolder, case: UseCase) -> Graph:
    return Graph(run.read(MODEL_ONNX), model_schema(case), len(case.classes))


def _batch(case: UseCase, features: pa.Table) -> pa.RecordBatch:
    return features.select(model_schema(case).names).combine_chunks().to_batches()[0]
