"""Evaluate: how good the best model is on rows it never saw."""

from data_pipeline import TEST
from data_pipeline.stored import read_features
from releases.metrics import evaluate
from scoring.decision import decide
from training.bootstrap import Platform
from training.models import load_model, probabilities
from training.plots import evaluation_plots
from training.run_folder import METRICS, TRAINING, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> dict[str, float]:
    """Return the metrics on the test part; MLflow gets them with curves and confusion matrix."""
    case = use_case(run.use_case)
    test = read_features(platform.store, case, dataset_version, TEST)
    answers = probabilities(case, load_model(run), test)
    predictions = decide(case.decision, case.classes, answers)
    labels = test["label"].combine_chunks()
    metrics = evaluate(case, labels, answers, predictions)
    run.write_json(METRICS, metrics)
    tracking, run_id = platform.tracking(case.name), run.read_json(TRAINING)["run_id"]
    tracking.metrics(run_id, metrics, platform.clock.now())
    plots = evaluation_plots(case, labels.to_pylist(), answers, predictions.to_pylist())
    for name, figure in plots.items():
        tracking.client.log_figure(run_id, figure, name)
    return metrics
