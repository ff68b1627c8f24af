"""Answers of a release as V2 responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from kserve import InferOutput, InferRequest, InferResponse

from model_server.requests import features_requested
from platform_core.open_inference import (
    FEATURES,
    INTERVAL,
    NUMBERS,
    PREDICTION,
    PROBABILITIES,
    number_block,
)


@dataclass(frozen=True)
class ReleaseIdentity:
    """The release that answers and its registered version."""

    release_id: str
    model_version: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of every response."""
        return {"release_id": self.release_id, "model_version": self.model_version}


@dataclass(frozen=True)
class ScoredRecords:
    """Answers to N records: features (N rows), probabilities [N, C], predictions (N strings). For
    regression C is 0, the predictions are N numbers and `intervals` [N, 2] are theirs.
    """

    features: pa.RecordBatch
    probabilities: np.ndarray
    predictions: Sequence[str] | Sequence[float]
    degraded: bool = False
    intervals: np.ndarray | None = None

    def slice(self, start: int, rows: int) -> "ScoredRecords":
        """Return the answers to `rows` records from `start` on."""
        return ScoredRecords(
            self.features.slice(start, rows),
            self.probabilities[start : start + rows],
            self.predictions[start : start + rows],
            self.degraded,
            None if self.intervals is None else self.intervals[start : start + rows],
        )


def answer_tensors(scored: ScoredRecords, with_features: bool) -> list[InferOutput]:
    """Return the output tensors of the contract: probabilities and prediction, or for regression
    prediction and interval; then the features.
    """
    rows = len(scored.predictions)
    if scored.intervals is None:
        decided = InferOutput(PREDICTION, [rows], "BYTES", list(scored.predictions))
        outputs = [graph_tensor(scored), decided]
    else:
        outputs = [graph_tensor(scored), _float_tensor(INTERVAL, scored.intervals)]
    if with_features:
        outputs += _feature_tensors(scored.features)
    return outputs


def graph_tensor(scored: ScoredRecords) -> InferOutput:
    """Return the output of the graph: probabilities [N, C], or numbers [N] for regression."""
    if scored.intervals is None:
        return _float_tensor(PROBABILITIES, scored.probabilities)
    return InferOutput(PREDICTION, [len(scored.predictions)], "FP32", list(scored.predictions))


def release_response(
    request: InferRequest, identity: ReleaseIdentity, outputs: list[InferOutput], **parameters: bool
) -> InferResponse:
    """Return the response to `request` with the release's identity among its parameters."""
    return InferResponse(
        response_id=request.id or str(uuid4()),
        model_name=request.model_name,
        model_version=identity.model_version,
        infer_outputs=outputs,
        parameters={**identity.parameters, **parameters},
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=request.request_outputs,
    )


def scored_response(
    request: InferRequest, identity: ReleaseIdentity, scored: ScoredRecords
) -> InferResponse:
    """Return the response with the answer's tensors and, if requested, features."""
    outputs = answer_tensors(scored, features_requested(request))
    return release_response(request, identity, outputs, degraded=scored.degraded)


def _feature_tensors(features: pa.RecordBatch) -> list[InferOutput]:
    """Return the numbers a model saw, `features` [N, K]; nothing where it takes texts alone."""
    if NUMBERS not in features.schema.names:
        return []
    return [_float_tensor(FEATURES, number_block(features))]


def _float_tensor(name: str, values: np.ndarray) -> InferOutput:
    """Return `values` [N, M] as an FP32 tensor, row by row."""
    return InferOutput(name, list(values.shape), "FP32", values.ravel().tolist())
