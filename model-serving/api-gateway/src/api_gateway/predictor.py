"""From records to answers: call the inference service, keep the record, answer."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from api_gateway.inference_log import InferenceLog
from api_gateway.metrics import GatewayMetrics
from api_gateway.upstream import InferenceServices, Scores
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from use_cases import UseCase

LATENCY_DIGITS = 3


@dataclass(frozen=True)
class PredictionRequest:
    """Who asks for what; `started` is the reading of `time.perf_counter` when it came in."""

    case: UseCase
    environment: Environment
    purpose: Purpose
    request_id: str
    started: float


class Predictor:
    """Answers records of any use case."""

    def __init__(
        self,
        upstream: InferenceServices,
        log: InferenceLog,
        metrics: GatewayMetrics,
        clock: Clock,
    ) -> None:
        self._upstream = upstream
        self._log = log
        self._metrics = metrics
        self._clock = clock

    async def predict(
        self, request: PredictionRequest, records: Sequence[BaseModel]
    ) -> list[dict[str, Any]]:
        """Return one answer per record, in order; each is in the inference log by then.

        Raises:
            ModelNotReady: no release is served there.
            UpstreamUnavailable: the inference service is down or too slow.
            SpoolUnavailable: the answers cannot be kept.
        """
        case, environment = request.case, request.environment
        batch = case.columns(records)
        scores = await self._upstream.infer((case.name, environment), batch, request.request_id)
        answers = _Answers(request, batch, scores, self._clock)
        self._log.append(case.name, environment, answers.time, answers.log_records())
        self._metrics.count_answers(
            case.name, environment, scores.release_id, scores.degraded, len(records)
        )
        return answers.documents()


class _Answers:
    """N answers, as the caller sees them and as they are kept."""

    def __init__(
        self, request: PredictionRequest, batch: pa.RecordBatch, scores: Scores, clock: Clock
    ) -> None:
        self.time = clock.now()
        self._request = request
        self._batch = batch
        self._scores = scores
        self._ids = [uuid.uuid4().hex for _ in scores.predictions]
        self._probabilities = [
            dict(zip(request.case.classes, row, strict=True)) for row in scores.probabilities
        ]
        seconds = time.perf_counter() - request.started
        self._latency_ms = round(seconds * 1000, LATENCY_DIGITS)

    def documents(self) -> list[dict[str, Any]]:
        """Return the answers for the caller."""
        case, scores = self._request.case, self._scores
        common = {
            "model_version": scores.model_version,
            "release_id": scores.release_id,
            "environment": self._request.environment.value,
            "degraded": scores.degraded,
            "latency_ms": self._latency_ms,
            "timestamp": self.time,
        }
        names = self._names()
        return [
            {
                "prediction_id": prediction_id,
                **name,
                "prediction": prediction,
                **case.answer(probabilities, prediction),
                "probability": probabilities[prediction],
                "probabilities": probabilities,
                **common,
            }
            for prediction_id, name, prediction, probabilities in zip(
                self._ids, names, scores.predictions, self._probabilities, strict=True
            )
        ]

    def log_records(self) -> list[dict[str, Any]]:
        """Return the fields of the inference records, without what may not be kept."""
        request, scores = self._request, self._scores
        common = {
            "request_id": request.request_id,
            "time": self.time,
            "use_case": request.case.name,
            "environment": request.environment.value,
            "release_id": scores.release_id,
            "degraded": scores.degraded,
            "purpose": request.purpose.value,
            "latency_ms": self._latency_ms,
        }
        inputs = request.case.redact(self._batch).to_pylist()
        return [
            {
                "prediction_id": self._ids[row],
                **common,
                "input": inputs[row],
                **self._features(row),
                "probabilities": self._probabilities[row],
                "prediction": scores.predictions[row],
            }
            for row in range(len(self._ids))
        ]

    def _features(self, row: int) -> dict[str, dict[str, float | None]]:
        entity = self._request.case.entity_features
        of_entity = frozenset(entity.names if entity else ())
        values = {name: column[row] for name, column in self._scores.features.items()}
        return {
            "features": {n: v for n, v in values.items() if n not in of_entity},
            "entity_features": {n: v for n, v in values.items() if n in of_entity},
        }

    def _names(self) -> list[dict[str, str]]:
        column = self._request.case.id_column
        if column is None:
            return [{} for _ in self._ids]
        return [{column: value} for value in self._batch.column(column).to_pylist()]
