"""Parity: the exported graph beside the original, row by row."""

import numpy as np

from data_pipeline import TEST
from data_pipeline.stored import read_features
from training.bootstrap import Platform
from training.exported import as_batch, load_graph
from training.models import load_model, probabilities
from training.progress import say
from training.run_folder import PARITY, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder, dataset_version: str) -> float:
    """Return the largest difference between ONNX and original probabilities over every test row."""
    case = use_case(run.use_case)
    test = read_features(platform.store, case, dataset_version, TEST)
    original = probabilities(case, load_model(run), test)
    exported = load_graph(run, case).probabilities(as_batch(case, test))
    worst = float(np.abs(original - exported).max())
    run.write_json(PARITY, {"largest_difference": worst, "rows": test.num_rows})
    say(
        f"parity: {test.num_rows} rows, largest difference {worst:.2e}, "
        f"tolerance {case.training().gates.parity:.0e}"
    )
    return worst
