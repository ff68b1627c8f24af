"""From records to predictions: call the inference service, log, respond."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from api_gateway.errors import Overloaded
from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.requests import PredictionRequest
from api_gateway.predict.responses import PredictedBatch
from api_gateway.routing.target import ServingTarget
from api_gateway.routing.upstream import ServedScores, ServiceClients
from platform_core.clock import Clock
from platform_core.micro_batching import BatchLimits, MicroBatcher
from platform_core.open_inference.client import UnusableResponse
from records import InferenceLog
from use_cases import UseCase

Responses = list[dict[str, Any]]
CandidateOf = Callable[[ServingTarget, str], str | None]
"""Returns the kind of model of a release, `None` where it is unknown."""
BATCH_ROWS = 32
BATCH_BYTES = 256 << 10


@dataclass(frozen=True)
class PredictionLimits:
    """Concurrent calls and requests without a response, per use case and environment."""

    concurrent_calls: int
    pending_requests: int


class Predictor:
    """Predicts records of any use case; `limits` apply to each use case in each environment."""

    def __init__(
        self,
        upstream: ServiceClients,
        log: InferenceLog,
        metrics: GatewayMetrics,
        clock: Clock,
        limits: PredictionLimits,
        candidate_of: CandidateOf,
    ) -> None:
        self._upstream = upstream
        self._candidate_of = candidate_of
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._max_pending = limits.pending_requests
        self._batch = BatchLimits(BATCH_ROWS, BATCH_BYTES, limits.concurrent_calls)
        self._batchers: dict[ServingTarget, MicroBatcher[PredictionRequest, Responses]] = {}

    async def predict(self, request: PredictionRequest) -> Responses:
        """Return one response per record, in order; each is in the inference log by then.

        Raises:
            ModelNotReady: no release is served there.
            UpstreamUnavailable: the inference service is down or too slow.
            Overloaded: too many requests wait for it already.
            SpoolUnavailable: the inference log cannot be written.
        """
        batcher = self._batchers.get(request.target)
        if batcher is None:
            predict = partial(self._predict, request.target)
            batcher = MicroBatcher(predict, self._batch, UnusableResponse)
            self._batchers[request.target] = batcher
        if batcher.pending >= self._max_pending:
            raise Overloaded("too many requests wait for this inference service; retry shortly")
        return await batcher(request, request.rows, request.size)

    async def _predict(
        self, target: ServingTarget, requests: Sequence[PredictionRequest]
    ) -> list[Responses]:
        """Predict requests for the same target by one call, so that one release answers them."""
        first = requests[0]
        records = [record for request in requests for record in request.records]
        columns = first.case.declaration.values(records)
        scores = await self._upstream.infer(target, columns, first.context.request_id)
        now = self._clock.now()
        candidate = self._candidate_of(target, scores.release_id)
        predicted = PredictedBatch(requests, columns, scores, now, candidate)
        self._log.append(*target, now, predicted.log_records)
        self._metrics.count_answers(*target, scores.release_id, scores.degraded, len(records))
        self._metrics.count_truncated(target.use_case, predicted.truncated)
        self._measure(target, first.case, columns, scores)
        return predicted.responses

    def _measure(
        self,
        target: ServingTarget,
        case: UseCase,
        columns: Mapping[str, Sequence[Any]],
        scores: ServedScores,
    ) -> None:
        if case.classes:
            self._metrics.count_predictions(*target, map(str, scores.predictions))
        for name in case.measured_texts:
            self._metrics.observe_words(target.use_case, columns[name])
