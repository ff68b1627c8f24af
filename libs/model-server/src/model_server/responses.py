"""Answers as V2 responses."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from kserve import InferOutput, InferRequest, InferResponse

from model_server.requests import wants_features
from platform_core.open_inference import FEATURES, NUMBERS, PREDICTION, PROBABILITIES, number_block


@dataclass(frozen=True)
class Identity:
    """The release that answers, and the registered version it has."""

    release_id: str
    model_version: str

    @property
    def parameters(self) -> dict[str, Any]:
        """What every response says of it."""
        return {"release_id": self.release_id, "model_version": self.model_version}


@dataclass(frozen=True)
class Answer:
    """Answers to N records: features (N rows), probabilities [N, C], predictions (N strings)."""

    features: pa.RecordBatch
    probabilities: np.ndarray
    predictions: pa.Array
    degraded: bool = False

    def slice(self, start: int, rows: int) -> "Answer":
        """Return the answers to `rows` records from `start` on."""
        return Answer(
            self.features.slice(start, rows),
            self.probabilities[start : start + rows],
            self.predictions.slice(start, rows),
            self.degraded,
        )


def answer_tensors(answer: Answer, with_features: bool) -> list[InferOutput]:
    """Return the output tensors of the contract: probabilities, prediction, features."""
    texts = answer.predictions.to_pylist()
    outputs = [
        probability_tensor(answer.probabilities),
        InferOutput(PREDICTION, [len(texts)], "BYTES", texts),
    ]
    if with_features:
        outputs += _feature_tensors(answer.features)
    return outputs


def probability_tensor(probabilities: np.ndarray) -> InferOutput:
    """Return probabilities [N, C] as an FP32 tensor, row by row."""
    shape = list(probabilities.shape)
    return InferOutput(PROBABILITIES, shape, "FP32", probabilities.ravel().tolist())


def respond(
    request: InferRequest, identity: Identity, outputs: list[InferOutput], **parameters: bool
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


def respond_answer(request: InferRequest, identity: Identity, answer: Answer) -> InferResponse:
    """Return the complete response of the contract."""
    outputs = answer_tensors(answer, wants_features(request))
    return respond(request, identity, outputs, degraded=answer.degraded)


def _feature_tensors(features: pa.RecordBatch) -> list[InferOutput]:
    """Return the numbers a model saw, `features` [N, K]; nothing where it takes texts alone."""
    if NUMBERS not in features.schema.names:
        return []
    block = number_block(features)
    return [InferOutput(FEATURES, list(block.shape), "FP32", block.ravel().tolist())]
