"""What answers a request: a release in memory, with or without its features."""

from abc import abstractmethod
from typing import Any

import pyarrow as pa
from kserve import InferRequest, InferResponse, Model

from model_server import (
    Answer,
    Identity,
    RecordBatcher,
    never_blocks,
    probability_tensor,
    read_tensors,
    respond,
    respond_answer,
)
from platform_core.contracts.release import TensorSpec
from platform_core.errors import ModelNotReady, ReleaseRefused
from platform_core.open_inference import tensor_specs
from scoring import FeatureTransformer, Scorer
from use_cases import UseCase, model_schema


class ReleaseModel(Model):
    """One verified release; it never changes, another release is another object."""

    def __init__(self, use_case: UseCase, scorer: Scorer, identity: Identity) -> None:
        super().__init__(use_case.name)
        self._use_case = use_case
        self._scorer = scorer
        self._identity = identity
        self.ready = True

    @property
    def release_id(self) -> str:
        """The release it is."""
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
    """Takes record tensors: features, entity lookup, graph and decision in one process."""

    def __init__(
        self,
        use_case: UseCase,
        scorer: Scorer,
        identity: Identity,
        transformer: FeatureTransformer,
    ) -> None:
        super().__init__(use_case, scorer, identity)
        self._transformer = transformer
        self._compute = RecordBatcher(self._score, transformer.blocks)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the record's tensors."""
        return _dump(self._scorer.manifest.inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the answer's tensors; those of the features come when they are asked for."""
        return _dump(self._scorer.manifest.outputs)

    async def _answer(self, request: InferRequest) -> InferResponse:
        records = read_tensors(request, self._use_case.record_schema)
        return respond_answer(request, self._identity, await self._compute(records))

    def _score(self, records: pa.RecordBatch) -> Answer:
        transformed = self._transformer.transform(records)
        scores = self._scorer.score_features(transformed.features)
        return Answer(
            scores.features, scores.probabilities, scores.predictions, transformed.degraded
        )


class FeatureModel(ReleaseModel):
    """Takes texts [N] or [N, 1] and a block of numbers [N, K], answers probabilities."""

    def __init__(self, use_case: UseCase, scorer: Scorer, identity: Identity) -> None:
        super().__init__(use_case, scorer, identity)
        self._schema = model_schema(use_case)
        self._compute = RecordBatcher(self._score, never_blocks)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the features' tensors."""
        return _dump(tensor_specs(self._schema.arrow))

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the tensor of the probabilities."""
        return _dump(self._scorer.manifest.outputs[:1])

    async def _answer(self, request: InferRequest) -> InferResponse:
        features = read_tensors(request, self._schema.arrow)
        answer = await self._compute(features)
        return respond(request, self._identity, [probability_tensor(answer.probabilities)])

    def _score(self, features: pa.RecordBatch) -> Answer:
        scores = self._scorer.score_features(features)
        return Answer(scores.features, scores.probabilities, scores.predictions)


def _dump(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [spec.model_dump() for spec in specs]
