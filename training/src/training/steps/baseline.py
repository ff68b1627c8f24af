"""Baseline: the reference distributions of the exported model's answers."""

from baseline import baseline_bytes, build_baseline
from data_pipeline import TEST
from data_pipeline.stored import read_features
from scoring.decision import decide
from training.bootstrap import Platform
from training.exported import as_batch, load_graph
from training.run_folder import BASELINE, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> int:
    """Write the baseline of the exported model's answers to the test part; return its rows."""
    case = use_case(run.use_case)
    test = as_batch(case, read_features(platform.store, case, dataset_version, TEST))
    answers = load_graph(run, case).probabilities(test)
    predictions = decide(case.decision, case.classes, answers)
    run.write(BASELINE, baseline_bytes(build_baseline(case, test, answers, predictions)))
    return test.num_rows
