"""The exported graph and decision rule of a run, and the release that is built from them."""

import pyarrow as pa

from platform_core.contracts.release import DecisionRule
from scoring import Release, build_release
from scoring.graph import Graph
from training.run_folder import BASELINE, MODEL_ONNX, TRAINING, RunFolder
from use_cases import UseCase, model_schema, use_case


def load_graph(run: RunFolder, case: UseCase) -> Graph:
    """Return the graph that the export step wrote."""
    return Graph(run.read(MODEL_ONNX), model_schema(case), len(case.classes))


def as_batch(case: UseCase, features: pa.Table) -> pa.RecordBatch:
    """Return the model's input of all rows of `features` as one batch."""
    return model_schema(case).select(features)


def decision(run: RunFolder) -> DecisionRule:
    """Return the decision rule that the train step chose."""
    return DecisionRule.model_validate(run.read_json(TRAINING)["decision"])


def build(run: RunFolder, feature_view_version: str) -> Release:
    """Build the release of a run; the same files give the same release."""
    return build_release(
        use_case(run.use_case),
        run.read(MODEL_ONNX),
        run.read(BASELINE),
        feature_view_version or None,
        decision(run),
    )
