"""The KServe model of one use case: records in, features to the predictor, answers out."""

import asyncio
from typing import Any

import numpy as np
from kserve import InferRequest, InferResponse, Model

from feature_transformer.predictor import PredictorAnswer, PredictorClient
from feature_transformer.releases import ReleaseLoader, TransformerRelease
from model_server import (
    ReleaseIdentity,
    ReleasePointer,
    ScoredRecords,
    read_tensors,
    scored_response,
)
from platform_core.contracts.release import IntervalRule
from platform_core.errors import ModelNotReady, PlatformError
from platform_core.open_inference import TensorReader
from scoring import TransformedRecords, decided_classes, prediction_intervals

# The predictor may change its release between two calls; after this many the request fails.
ATTEMPTS = 3
# During a rollout of the predictor, replicas answer with the old and the new release in turn.
KNOWN_RELEASES = 4


class TransformerModel(Model):
    """Follows the release that the predictor serves, so that features and graph fit together.

    A request that names a release, `<use case>-<digits>`, gets the answer of that one or none.
    """

    def __init__(
        self, release: TransformerRelease, loader: ReleaseLoader, predictor: PredictorClient
    ) -> None:
        super().__init__(release.use_case.name)
        self._own = self._release = release
        self._known = {release.identity.release_id: release}
        self._following = asyncio.Lock()
        self._loader = loader
        self._predictor = predictor
        self._reader = TensorReader(release.use_case.record_schema)
        self.ready = True

    @property
    def release_id(self) -> str:
        """The id of the release whose features are computed."""
        return self._release.identity.release_id

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the record's tensors."""
        return [spec.model_dump() for spec in self._release.manifest.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the answer's tensors."""
        return [spec.model_dump() for spec in self._release.manifest.outputs]

    async def predict(
        self, payload: InferRequest, headers: dict[str, str] | None = None
    ) -> InferResponse:
        """Answer N records.

        Raises:
            InvalidInput: a record tensor is missing or does not fit.
            UpstreamUnavailable: the predictor does not answer.
            ModelNotReady: the predictor serves a release that cannot be used here, or another
                one than the request names.
        """
        del headers
        if payload.model_name != self.name:
            return await self._predict_own(payload)
        for _ in range(ATTEMPTS):
            release = self._release
            transformed, prediction = await self._ask(release, payload)
            answering = await self._answering(release, prediction.release_id)
            if answering.manifest.feature_views == release.manifest.feature_views:
                return _response(payload, answering, transformed, prediction)
        raise ModelNotReady(f"the release of {self.name} keeps changing; retry shortly")

    async def _predict_own(self, payload: InferRequest) -> InferResponse:
        """Answer a request that names the release."""
        release = self._own
        transformed, prediction = await self._ask(release, payload)
        if prediction.release_id not in {None, release.identity.release_id}:
            raise ModelNotReady(
                f"the predictor serves release {prediction.release_id}, not {payload.model_name}"
            )
        return _response(payload, release, transformed, prediction)

    async def _ask(
        self, release: TransformerRelease, payload: InferRequest
    ) -> tuple[TransformedRecords, PredictorAnswer]:
        records = read_tensors(payload, self._reader, release.use_case.declaration.nullable)
        transformed = await release.transform(records)
        classes = len(release.manifest.classes)
        predict = self._predictor.predict
        prediction = await predict(self.name, payload.model_name, transformed.features, classes)
        return transformed, prediction

    async def _answering(self, asked: TransformerRelease, named: str | None) -> TransformerRelease:
        """Return the release the predictor answered with, following it when it has changed."""
        if named is None or named == asked.identity.release_id:
            return asked
        async with self._following:
            if named not in self._known:
                self._remember(
                    await self._load(ReleasePointer(use_case=self.name, release_id=named))
                )
            self._release = self._known[named]
            return self._known[named]

    async def _load(self, pointer: ReleasePointer) -> TransformerRelease:
        try:
            return await asyncio.to_thread(self._loader.load, pointer)
        except PlatformError as error:
            raise ModelNotReady(
                f"the predictor serves release {pointer.release_id} of {self.name}, which cannot "
                f"be used here: {error}"
            ) from error

    def _remember(self, release: TransformerRelease) -> None:
        self._known[release.identity.release_id] = release
        while len(self._known) > KNOWN_RELEASES:
            del self._known[next(iter(self._known))]


def _response(
    request: InferRequest,
    release: TransformerRelease,
    transformed: TransformedRecords,
    prediction: PredictorAnswer,
) -> InferResponse:
    version = prediction.model_version or release.identity.model_version
    identity = ReleaseIdentity(release.identity.release_id, version)
    return scored_response(request, identity, _scored(release, transformed, prediction.values))


def _scored(
    release: TransformerRelease, transformed: TransformedRecords, values: np.ndarray
) -> ScoredRecords:
    """Return the answers for the output of the predictor's graph."""
    manifest, features, degraded = release.manifest, transformed.features, transformed.degraded
    if isinstance(manifest.decision, IntervalRule):
        intervals = prediction_intervals(manifest.decision, values)
        none = np.empty((len(values), 0), np.float32)
        return ScoredRecords(features, none, values.tolist(), degraded, intervals)
    predictions = decided_classes(manifest.decision, manifest.classes, values)
    return ScoredRecords(features, values, predictions, degraded)
