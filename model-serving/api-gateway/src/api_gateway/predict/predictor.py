"""From records to answers: call the inference service, keep the record, answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from api_gateway.errors import Overloaded
from api_gateway.operations.metrics import GatewayMetrics
from api_gateway.predict.answers import Answers, PredictionRequest, Question
from api_gateway.routing.upstream import AnsweredBadly, InferenceServices, Place
from platform_core.clock import Clock
from platform_core.micro_batching import BatchLimits, MicroBatcher
from records import InferenceLog

Documents = list[dict[str, Any]]
BATCH_ROWS = 32
BATCH_BYTES = 256 << 10


@dataclass(frozen=True)
class PredictionLimits:
    """Calls at the same time and requests without an answer, per use case and environment."""

    concurrent_calls: int
    pending_requests: int


class Predictor:
    """Answers records of any use case; `limits` hold for each use case in each environment."""

    def __init__(
        self,
        upstream: InferenceServices,
        log: InferenceLog,
        metrics: GatewayMetrics,
        clock: Clock,
        limits: PredictionLimits,
    ) -> None:
        self._upstream = upstream
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._max_pending = limits.pending_requests
        batch = BatchLimits(BATCH_ROWS, BATCH_BYTES, limits.concurrent_calls)
        self._batchers: dict[Place, MicroBatcher[Question, Documents]] = {
            place: MicroBatcher(partial(self._answer, place), batch, AnsweredBadly)
            for place in upstream.places
        }

    async def predict(
        self, request: PredictionRequest, records: Sequence[BaseModel]
    ) -> list[dict[str, Any]]:
        """Return one answer per record, in order; each is in the inference log by then.

        Raises:
            ModelNotReady: no release is served there.
            UpstreamUnavailable: the inference service is down or too slow.
            Overloaded: too many requests wait for it already.
            SpoolUnavailable: the answers cannot be kept.
        """
        place = (request.case.name, request.environment)
        batcher = self._batchers[place]
        if batcher.pending >= self._max_pending:
            raise Overloaded("too many requests wait for this inference service; try again")
        return await batcher(Question(request, records), len(records), request.size)

    async def _answer(self, place: Place, questions: Sequence[Question]) -> list[Documents]:
        """Answer requests for the same place by one call, so that one release answers them all."""
        first = questions[0].request
        batch = first.case.columns([r for question in questions for r in question.records])
        scores = await self._upstream.infer(place, batch, first.request_id)
        now = self._clock.now()
        answers = Answers(questions, batch, scores, now)
        self._log.append(*place, now, answers.log_records())
        self._metrics.count_answers(*place, scores.release_id, scores.degraded, batch.num_rows)
        return answers.documents()
