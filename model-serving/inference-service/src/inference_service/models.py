"""KServe models of releases: records or features in, answers out."""

from abc import abstractmethod
from typing import Any

import pyarrow as pa
from kserve import InferRequest, InferResponse, Model
from prometheus_client import Histogram

from model_server import (
    RecordBatcher,
    ReleaseIdentity,
    ScoredRecords,
    graph_tensor,
    read_tensors,
    release_response,
    scored_response,
)
from platform_core.contracts.release import TensorSpec
from platform_core.errors import ModelNotReady, ReleaseRefused
from platform_core.open_inference import TensorReader, tensor_specs
from scoring import FeatureTransformer, Scorer, Scores, TransformedRecords
from use_cases import UseCase, model_schema

_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
PREPROCESSING = Histogram(
    "inference_preprocessing_seconds",
    "Time from records to features, entity lookup included, of one batch.",
    ["use_case"],
    buckets=_SECONDS,
)
INFERENCE = Histogram(
    "inference_model_seconds",
    "Time from features to predictions of one batch.",
    ["use_case"],
    buckets=_SECONDS,
)


class ReleaseModel(Model):
    """One verified release; it never changes."""

    def __init__(self, use_case: UseCase, scorer: Scorer, identity: ReleaseIdentity) -> None:
        super().__init__(use_case.name)
        self._use_case = use_case
        self._scorer = scorer
        self._identity = identity
        self.ready = True

    @property
    def release_id(self) -> str:
        """The id of the release."""
        return self._identity.release_id

    async def predict(
        self, payload: InferRequest, headers: dict[str, str] | None = None
    ) -> InferResponse:
        """Answer one V2 request of N rows.

        Raises:
            InvalidInput: a tensor is missing or does not fit.
            ModelNotReady: the graph fails on rows that fit the schema.
        """
        del headers
        try:
            return await self._answer(payload)
        except ReleaseRefused as error:
            raise ModelNotReady(f"release {self.release_id} cannot answer this: {error}") from error

    @abstractmethod
    async def _answer(self, request: InferRequest) -> InferResponse:
        """Return the response to `request`."""


class RecordModel(ReleaseModel):
    """Takes record tensors; computes features, entity lookup, graph and decision."""

    def __init__(
        self,
        use_case: UseCase,
        scorer: Scorer,
        identity: ReleaseIdentity,
        transformer: FeatureTransformer,
    ) -> None:
        super().__init__(use_case, scorer, identity)
        self._transformer = transformer
        self._reader = TensorReader(use_case.record_schema)
        self._compute = RecordBatcher(self._score, self._score_at_once)
        self._preprocessing = PREPROCESSING.labels(use_case.name)
        self._inference = INFERENCE.labels(use_case.name)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the record's tensors."""
        return _dump(self._scorer.manifest.inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the output tensors; those of the features come on request."""
        return _dump(self._scorer.manifest.outputs)

    async def _answer(self, request: InferRequest) -> InferResponse:
        nullable = self._use_case.declaration.nullable
        records = read_tensors(request, self._reader, nullable)
        return scored_response(request, self._identity, await self._compute(records))

    def _score(self, records: pa.RecordBatch) -> ScoredRecords:
        with self._preprocessing.time():
            transformed = self._transformer.transform(records)
        return self._score_transformed(transformed)

    def _score_at_once(self, records: pa.RecordBatch) -> ScoredRecords | None:
        with self._preprocessing.time():
            transformed = self._transformer.transform_at_once(records)
        return None if transformed is None else self._score_transformed(transformed)

    def _score_transformed(self, transformed: TransformedRecords) -> ScoredRecords:
        with self._inference.time():
            return self._scored(transformed)

    def _scored(self, transformed: TransformedRecords) -> ScoredRecords:
        return _scored(self._scorer.score_features(transformed.features), transformed.degraded)


class FeatureModel(ReleaseModel):
    """Takes texts [N] or [N, 1] and a block of numbers [N, K]; returns what the graph answers."""

    def __init__(self, use_case: UseCase, scorer: Scorer, identity: ReleaseIdentity) -> None:
        super().__init__(use_case, scorer, identity)
        self._schema = model_schema(use_case)
        self._reader = TensorReader(self._schema.arrow)
        self._compute = RecordBatcher(self._score, self._score)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the features' tensors."""
        return _dump(tensor_specs(self._schema.arrow))

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the graph's own tensor, the first one of a release."""
        return _dump(self._scorer.manifest.outputs[:1])

    async def _answer(self, request: InferRequest) -> InferResponse:
        features = read_tensors(request, self._reader)
        answer = await self._compute(features)
        return release_response(request, self._identity, [graph_tensor(answer)])

    def _score(self, features: pa.RecordBatch) -> ScoredRecords:
        return _scored(self._scorer.score_features(features))


def _scored(scores: Scores, degraded: bool = False) -> ScoredRecords:
    return ScoredRecords(
        scores.features, scores.probabilities, scores.decided, degraded, scores.intervals
    )


def _dump(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [spec.model_dump() for spec in specs]
