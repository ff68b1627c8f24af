"""Answers of a release as V2 responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from kserve import InferOutput, InferRequest, InferResponse

from model_server.requests import features_requested
from platform_core.open_inference import FEATURES, NUMBERS, PREDICTION, PROBABILITIES, number_block


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
    """Answers to N records: features (N rows), probabilities [N, C], predictions (N strings)."""

    features: pa.RecordBatch
    probabilities: np.ndarray
    predictions: Sequence[str]
    degraded: bool = False

    def slice(self, start: int, rows: int) -> "ScoredRecords":
        """Return the answers to `rows` records from `start` on."""
        return ScoredRecords(
            self.features.slice(start, rows),
            self.probabilities[start : start + rows],
            self.predictions[start : start + rows],
            self.degraded,
        )


def answer_tensors(scored: ScoredRecords, with_features: bool) -> list[InferOutput]:
    """Return the output tensors of the contract: probabilities, prediction, features."""
    outputs = [
        probability_tensor(scored.probabilities),
        InferOutput(PREDICTION, [len(scored.predictions)], "BYTES", list(scored.predictions)),
    ]
    if with_features:
        outputs += _feature_tensors(scored.features)
    return outputs


def probability_tensor(probabilities: np.ndarray) -> InferOutput:
    """Return probabilities [N, C] as an FP32 tensor, row by row."""
    shape = list(probabilities.shape)
    return InferOutput(PROBABILITIES, shape, "FP32", probabilities.ravel().tolist())


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
    """Return the response with probabilities, predictions and, if requested, features."""
    outputs = answer_tensors(scored, features_requested(request))
    return release_response(request, identity, outputs, degraded=scored.degraded)


def _feature_tensors(features: pa.RecordBatch) -> list[InferOutput]:
    """Return the numbers a model saw, `features` [N, K]; nothing where it takes texts alone."""
    if NUMBERS not in features.schema.names:
        return []
    block = number_block(features)
    return [InferOutput(FEATURES, list(block.shape), "FP32", block.ravel().tolist())]
