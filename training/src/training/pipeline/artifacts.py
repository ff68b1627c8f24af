"""From KFP's artifacts to steps and back: what the bodies of the components call.

The metadata of every artifact name two places in blob storage: what the artifact stands for
(`blob_uri`) and the folder with the result of its step (`result_uri`), which the next step reads.
The first is also the artifact's own URI, except on a Kubeflow server that keeps artifacts in a
store of its own: its launcher refuses input artifacts with any other URI (`fetchNonDefaultBuckets`
in its launcher_v2.go), and its page shows HTML only from that store. There its URI stays.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl

from platform_core.ports.blob_store import BlobStore
from training.bootstrap import TrainingServices
from training.parameters import RunParameters
from training.results import EvaluationResult, StepResult
from training.steps.context import StepCall
from training.steps.execute import execute

BLOB_URI, RESULT_URI = "blob_uri", "result_uri"
SERVER_STORES = ("minio://", "s3://", "gs://")


def run_component(
    step: str,
    use_case: str,
    outputs: Mapping[str, dsl.Artifact],
    inputs: Mapping[str, dsl.Artifact] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Run a step and describe what it made in the `outputs` of its component."""
    services = TrainingServices()
    folders = {
        name: services.store.path(artifact.metadata[RESULT_URI])
        for name, artifact in (inputs or {}).items()
    }
    given = RunParameters(**(parameters or {}))
    call = StepCall(step=step, use_case=use_case, parameters=given, inputs=folders)
    folder, result = execute(call, services)
    for artifact in outputs.values():
        publish(artifact, services.store, folder, result)


def publish(artifact: dsl.Artifact, store: BlobStore, folder: str, result: StepResult) -> None:
    """Let an artifact stand for `result`, which lies in `folder`."""
    path = folder
    if isinstance(artifact, dsl.HTML):
        path = result.page()
        _write(Path(artifact.path), store.read(path))
    elif isinstance(artifact, dsl.Metrics):
        for name, value in result.scores().items():
            if math.isfinite(value):
                artifact.log_metric(name, value)
    elif isinstance(artifact, dsl.ClassificationMetrics):
        _log_classification(artifact, result)
    else:
        path = result.location()
        artifact.metadata.update(result.summary())
        _write(Path(artifact.path), result.model_dump_json(indent=1).encode())
    artifact.metadata |= {BLOB_URI: store.uri(path), RESULT_URI: store.uri(folder)}
    if not artifact.uri.startswith(SERVER_STORES):
        artifact.uri = store.uri(path)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _log_classification(artifact: dsl.ClassificationMetrics, result: StepResult) -> None:
    if not isinstance(result, EvaluationResult):
        raise TypeError(f"{type(result).__name__} has no confusion matrix")
    if not result.classes:  # a regression has neither a confusion matrix nor a ROC curve
        return
    artifact.log_confusion_matrix(list(result.classes), [list(row) for row in result.confusion])
    if (roc := result.roc) is not None:
        artifact.log_roc_curve(
            list(roc.false_positive_rate), list(roc.true_positive_rate), list(roc.thresholds)
        )
