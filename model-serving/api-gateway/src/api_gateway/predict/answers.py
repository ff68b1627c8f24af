"""N answers of one release, as the callers see them and as they are kept."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from api_gateway.routing.upstream import Scores
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import Purpose
from use_cases import UseCase

LATENCY_DIGITS = 3


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """Who asks for what; `started` is the reading of `time.perf_counter` when it came in, `size`
    the bytes of its body.
    """

    case: UseCase
    environment: Environment
    purpose: Purpose
    request_id: str
    started: float
    size: int


@dataclass(frozen=True, slots=True)
class Question:
    """The records of one request, one or more."""

    request: PredictionRequest
    records: Sequence[BaseModel]


class Answers:
    """The answers to `questions` of one use case in one environment.

    `batch` holds all their records, N rows in order, and `scores` what was answered to them.
    """

    def __init__(
        self, questions: Sequence[Question], batch: pa.RecordBatch, scores: Scores, now: datetime
    ) -> None:
        self._questions = questions
        self._case = questions[0].request.case
        self._batch = batch
        self._scores = scores
        self._time = now
        finished = time.perf_counter()
        self._latencies = [
            round((finished - question.request.started) * 1000, LATENCY_DIGITS)
            for question in questions
        ]
        self._ids = [uuid.uuid4().hex for _ in range(batch.num_rows)]
        classes = self._case.classes
        self._probabilities = [dict(zip(classes, row, strict=True)) for row in scores.probabilities]

    def documents(self) -> list[list[dict[str, Any]]]:
        """Return the answers for the callers, a list per question."""
        scores, names, row = self._scores, self._names(), 0
        documents = []
        for question, latency in zip(self._questions, self._latencies, strict=True):
            common = {
                "model_version": scores.model_version,
                "release_id": scores.release_id,
                "environment": question.request.environment.value,
                "degraded": scores.degraded,
                "latency_ms": latency,
                "timestamp": self._time,
            }
            end = row + len(question.records)
            documents.append([self._document(i, names[i], common) for i in range(row, end)])
            row = end
        return documents

    def log_records(self) -> list[dict[str, Any]]:
        """Return the fields of the inference records, without what may not be kept."""
        inputs = _rows(self._case.redact(self._batch))
        return [
            {
                "prediction_id": prediction_id,
                **common,
                "input": given,
                "features": features,
                "probabilities": probabilities,
                "prediction": prediction,
            }
            for prediction_id, common, given, features, probabilities, prediction in zip(
                self._ids,
                self._common(),
                inputs,
                self._scores.features,
                self._probabilities,
                self._scores.predictions,
                strict=True,
            )
        ]

    def _document(self, row: int, name: dict[str, str], common: dict[str, Any]) -> dict[str, Any]:
        prediction, probabilities = self._scores.predictions[row], self._probabilities[row]
        return {
            "prediction_id": self._ids[row],
            **name,
            "prediction": prediction,
            **self._case.answer(probabilities, prediction),
            "probability": probabilities[prediction],
            "probabilities": probabilities,
            **common,
        }

    def _common(self) -> Iterator[dict[str, Any]]:
        """Yield what the records of a question have in common, for each of its records."""
        for question, latency in zip(self._questions, self._latencies, strict=True):
            request = question.request
            common = {
                "request_id": request.request_id,
                "time": self._time,
                "use_case": self._case.name,
                "environment": request.environment.value,
                "release_id": self._scores.release_id,
                "degraded": self._scores.degraded,
                "purpose": request.purpose.value,
                "latency_ms": latency,
            }
            yield from repeat(common, len(question.records))

    def _names(self) -> list[dict[str, str]]:
        column = self._case.id_column
        if column is None:
            return [{} for _ in self._ids]
        return [{column: value} for value in self._batch.column(column).to_pylist()]


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield each row as a dictionary; Arrow's own way takes twice as long for one row."""
    names = batch.schema.names
    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield dict(zip(names, row, strict=True))
