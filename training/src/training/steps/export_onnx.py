"""Export: the best model as an ONNX graph."""

from training.bootstrap import Platform
from training.models import candidate, load_model
from training.run_folder import MODEL_ONNX, TRAINING, RunFolder
from use_cases import use_case


def run(platform: Platform, run: RunFolder) -> int:
    """Write the best model as ONNX to the run's folder and return its size in bytes."""
    del platform
    case = use_case(run.use_case)
    name = run.read_json(TRAINING)["candidate"]
    graph = candidate(case, name).to_onnx(load_model(run)).SerializeToString()
    run.write(MODEL_ONNX, graph)
    return len(graph)
