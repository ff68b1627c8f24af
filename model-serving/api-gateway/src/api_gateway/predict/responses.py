"""From what an inference service returned to responses and inference records."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api_gateway.predict.requests import PredictionRequest
from api_gateway.routing.upstream import ServedScores
from platform_core.contracts import prediction_ids
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from use_cases import UseCase

LATENCY_DIGITS = 3
Probability = Annotated[float, Field(ge=0, le=1)]
PredictionId = Annotated[str, Field(pattern=prediction_ids.PATTERN)]


class PredictedRecord(BaseModel):
    """What every response to one record has; a use case adds its id column and fields of its own
    (spam: `email_id`, `spam_probability`, `confidence`).
    """

    model_config = ConfigDict(extra="allow")

    prediction_id: PredictionId
    model_version: str
    release_id: str
    environment: Environment
    degraded: Annotated[bool, Field(description="true when the feature store was unavailable")]
    truncated: Annotated[
        list[str], Field(default=[], description="fields of which only the start was read, if any")
    ]
    latency_ms: Annotated[float, Field(ge=0)]
    timestamp: datetime


class PredictionResponse(PredictedRecord):
    """The class of one record."""

    prediction: str
    probability: Annotated[Probability, Field(description="of the predicted class")]
    probabilities: dict[str, Probability]


class NumberResponse(PredictedRecord):
    """The predicted number of one record (regression)."""

    prediction: float
    interval: Annotated[
        list[float],
        Field(
            min_length=2,
            max_length=2,
            description="low and high: holds the label with the coverage of the release",
        ),
    ]


class ItemError(BaseModel):
    """Why there is no prediction for one item of a batch."""

    code: str
    detail: str


class InvalidItemResponse(BaseModel):
    """An invalid item in its place, named by its id, or by `index` where records have none."""

    model_config = ConfigDict(extra="allow")

    error: ItemError


class BatchPredictionResponse(BaseModel):
    """One entry per item, in the same order; `errors` of the `count` items are invalid."""

    predictions: list[PredictionResponse | NumberResponse | InvalidItemResponse]
    count: int
    errors: int


class PredictedBatch:
    """The responses and inference records of the requests of one micro-batch.

    `responses` has one list per request, `log_records` one entry per record; both are plain
    dictionaries with the fields of `PredictionResponse` and `InferenceRecord`. `truncated` counts
    the fields that were cut.
    """

    def __init__(
        self,
        requests: Sequence[PredictionRequest],
        columns: Mapping[str, Sequence[Any]],
        scores: ServedScores,
        now: datetime,
        candidate: str | None = None,
    ) -> None:
        """Combine `columns` (the values of the N records of `requests`) with their `scores`, which
        a model of the kind `candidate` gave.
        """
        self.responses: list[list[dict[str, Any]]] = []
        self.log_records: list[dict[str, Any]] = []
        self.truncated: Counter[str] = Counter()
        self._case = case = requests[0].case
        self._scores = scores
        self._now = now
        self._milliseconds = prediction_ids.milliseconds(now)
        records = _rows(columns)
        detailed = type(case).details is not UseCase.details
        self._details = [case.details(row, candidate) for row in records] if detailed else None
        self._inputs = [case.redact_row(row) for row in records]
        self._id_values = columns[case.id_column] if case.id_column else None
        finished, row = time.perf_counter(), 0
        for request in requests:
            latency = round((finished - request.context.started) * 1000, LATENCY_DIGITS)
            end = row + request.rows
            rows = zip(range(row, end), request.records, strict=True)
            self.responses.append([self._add(request, i, record, latency) for i, record in rows])
            row = end

    def _add(
        self, request: PredictionRequest, row: int, record: BaseModel, latency: float
    ) -> dict[str, Any]:
        """Append the inference record of one row; return its response."""
        scores, case = self._scores, self._case
        prediction = scores.predictions[row]
        probabilities = dict(zip(case.classes, scores.probabilities[row], strict=True))
        interval = None if scores.intervals is None else scores.intervals[row]
        prediction_id = prediction_ids.new_prediction_id(self._milliseconds)
        environment = request.target.environment.value
        self.log_records.append(
            {
                "prediction_id": prediction_id,
                "request_id": request.context.request_id,
                "time": self._now,
                "use_case": case.name,
                "environment": environment,
                "release_id": scores.release_id,
                "role": ServingRole.STABLE.value,
                "degraded": scores.degraded,
                "purpose": request.purpose.value,
                "latency_ms": latency,
                "input": self._inputs[row],
                "features": scores.features[row],
                "probabilities": probabilities,
                "prediction": prediction,
                **({} if interval is None else {"interval": interval}),
            }
        )
        return {
            "prediction_id": prediction_id,
            **self._record_id(row),
            **self._answer(prediction, probabilities, interval),
            **(self._details[row] if self._details else {}),
            "model_version": scores.model_version,
            "release_id": scores.release_id,
            "environment": environment,
            "degraded": scores.degraded,
            **self._truncated(record),
            "latency_ms": latency,
            "timestamp": self._now,
        }

    def _answer(
        self, prediction: Any, probabilities: dict[str, float], interval: list[float] | None
    ) -> dict[str, Any]:
        if interval is not None:
            return {"prediction": prediction, "interval": interval}
        return {
            "prediction": prediction,
            **self._case.answer(probabilities, prediction),
            "probability": probabilities[prediction],
            "probabilities": probabilities,
        }

    def _truncated(self, record: BaseModel) -> dict[str, Any]:
        names = self._case.declaration.truncated_fields(record)
        self.truncated.update(names)
        return {"truncated": names} if names else {}

    def _record_id(self, row: int) -> dict[str, Any]:
        name = self._case.id_column
        return {name: self._id_values[row]} if name and self._id_values else {}


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return `columns` (N values each) as N dictionaries."""
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
