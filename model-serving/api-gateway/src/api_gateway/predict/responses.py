"""From what an inference service returned to responses and inference records."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api_gateway.predict.requests import PredictionRequest
from api_gateway.routing.target import RoutedRelease
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
    role: Annotated[ServingRole, Field(description="of the release that answered")]
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


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """The responses to the records of a request, their inference records, and the values of the
    records by field. The inference service took `call_ms` for them. `failures` are the inference
    records of a canary that could not answer.
    """

    responses: list[dict[str, Any]]
    records: list[dict[str, Any]]
    inputs: list[dict[str, Any]]
    call_ms: float
    failures: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that `release`, a model of the kind `candidate`, answered at `time` after `ms`."""

    release: RoutedRelease
    candidate: str | None
    time: datetime
    ms: float


class PredictedBatch:
    """What one micro-batch predicted: `rows` has one entry per request.

    Responses and inference records are plain dictionaries with the fields of `PredictionResponse`
    and `InferenceRecord`. `truncated` counts the fields that were cut.
    """

    def __init__(
        self,
        requests: Sequence[PredictionRequest],
        columns: Mapping[str, Sequence[Any]],
        scores: ServedScores,
        call: Call,
    ) -> None:
        """Combine `columns` (the values of the N records of `requests`) with their `scores`."""
        self.truncated: Counter[str] = Counter()
        self.rows: list[PredictedRows] = []
        self._case = case = requests[0].case
        self._scores = scores
        self._call = call
        self._milliseconds = prediction_ids.milliseconds(call.time)
        inputs = _rows(columns)
        detailed = type(case).details is not UseCase.details
        self._details = [case.details(row, call.candidate) for row in inputs] if detailed else None
        self._inputs = [case.redact_row(row) for row in inputs]
        self._id_values = columns[case.id_column] if case.id_column else None
        finished, start = time.perf_counter(), 0
        for request in requests:
            latency = round((finished - request.context.started) * 1000, LATENCY_DIGITS)
            end = start + request.rows
            rows = PredictedRows([], [], inputs[start:end], call.ms, [])
            self.rows.append(rows)
            for place in range(request.rows):
                self._add(request, place, start + place, latency)
            if request.failed is not None:
                rows.failures.extend(failure(one, request.failed) for one in rows.records)
            start = end

    def _add(self, request: PredictionRequest, place: int, row: int, latency: float) -> None:
        """Append the response and the inference record of one row."""
        scores, case, call = self._scores, self._case, self._call
        prediction = scores.predictions[row]
        probabilities = dict(zip(case.classes, scores.probabilities[row], strict=True))
        interval = None if scores.intervals is None else scores.intervals[row]
        digits = request.digits[place] if request.digits else None
        common = {
            "prediction_id": prediction_ids.new_prediction_id(self._milliseconds, digits),
            "environment": request.target.environment.value,
            "release_id": scores.release_id,
            "role": call.release.role.value,
            "degraded": scores.degraded,
            "latency_ms": latency,
        }
        rows = self.rows[-1]
        rows.records.append(
            {
                **common,
                "request_id": request.context.request_id,
                "time": call.time,
                "use_case": case.name,
                "purpose": request.purpose.value,
                "service_ms": scores.service_ms,
                "input": self._inputs[row],
                "features": scores.features[row],
                "probabilities": probabilities,
                "prediction": prediction,
                **({} if interval is None else {"interval": interval}),
            }
        )
        rows.responses.append(
            {
                "prediction_id": common["prediction_id"],
                **self._record_id(row),
                **self._answer(prediction, probabilities, interval),
                **(self._details[row] if self._details else {}),
                "model_version": scores.model_version,
                **common,
                **self._truncated(request.records[place]),
                "timestamp": call.time,
            }
        )

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
        if not names:
            return {}
        self.truncated.update(names)
        return {"truncated": names}

    def _record_id(self, row: int) -> dict[str, Any]:
        name = self._case.id_column
        return {name: self._id_values[row]} if name and self._id_values else {}


def failure(answer: Mapping[str, Any], release: RoutedRelease) -> dict[str, Any]:
    """Return the inference record of a release that failed to give this answer."""
    common = {name: value for name, value in answer.items() if name != "interval"}
    empty: dict[str, Any] = {
        "features": [],
        "probabilities": {},
        "prediction": None,
        "service_ms": None,
    }
    role = {"release_id": release.release_id, "role": release.role.value, "failed": True}
    return {**common, **empty, **role, "degraded": False}


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return `columns` (N values each) as N dictionaries."""
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
