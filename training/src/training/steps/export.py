"""Export: the best model as an ONNX graph, compared with the original row by row."""

import numpy as np

from data_pipeline import TEST
from data_pipeline.stored import read_features
from training.progress import show
from training.results import ExportResult, FeaturesResult, TrainResult
from training.search.models import candidate, graph_probabilities, load_model, probabilities
from training.steps.context import StepContext


def run(context: StepContext, features: FeaturesResult, model: TrainResult) -> ExportResult:
    """Write the model as ONNX, with its largest difference from the original's probabilities over
    every test row.
    """
    case = context.case
    fitted = load_model(context.store, model.model_path)
    graph: bytes = candidate(case, model.candidate).to_onnx(fitted).SerializeToString()
    test = read_features(context.store, case, features.dataset_version, TEST)
    exported = graph_probabilities(case, graph, test)
    largest = float(np.abs(probabilities(case, fitted, test) - exported).max())
    show(
        f"parity: {test.num_rows} rows, largest difference {largest:.2e}, "
        f"tolerance {case.training().gates.parity:.0e}"
    )
    return ExportResult(
        graph_path=context.write("model.onnx", graph),
        graph_bytes=len(graph),
        largest_difference=largest,
        rows=test.num_rows,
    )
