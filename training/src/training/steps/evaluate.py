"""Evaluate: how good the best model is on rows it never saw."""

from data_pipeline import TEST
from data_pipeline.stored import read_features
from platform_core.parquet import table_bytes
from training.bootstrap import Platform
from training.evaluation import Evaluation, evaluate_answers
from training.exported import decision
from training.models import load_model, probabilities
from training.plots import evaluation_plots
from training.run_folder import ANSWERS, METRICS, SLICES, TRAINING, RunFolder
from training.slicing import slices_of_test_part
from use_cases import UseCase, use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> dict[str, float]:
    """Return the metrics on the test part; MLflow gets them with curves and confusion matrix."""
    case = use_case(run.use_case)
    test = read_features(platform.store, case, dataset_version, TEST)
    answers = probabilities(case, load_model(run), test)
    training = run.read_json(TRAINING)
    found = evaluate_answers(
        case,
        test,
        answers,
        decision(run),
        slices_of_test_part(platform.store, case, dataset_version),
        training["seed"],
    )
    run.write_json(METRICS, found.metrics)
    run.write_json(SLICES, [one.model_dump() for one in found.slices])
    run.write(ANSWERS, table_bytes(found.answers))
    _track(platform, run, case, found, training["run_id"])
    return found.metrics


def _track(
    platform: Platform, run: RunFolder, case: UseCase, found: Evaluation, run_id: str
) -> None:
    tracking = platform.tracking(case.name)
    tracking.metrics(run_id, found.metrics, platform.clock.now())
    for name, figure in evaluation_plots(case, found.answers, decision(run)).items():
        tracking.client.log_figure(run_id, figure, name)
