"""Predictions and labels: what programs that use a model need."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import BaseModel

from mlplatform_client.endpoints import Resource, TransportT, endpoint
from mlplatform_client.flows import Flow, post, segment
from mlplatform_client.models.common import Environment, Purpose, ServingRole
from mlplatform_client.models.feedback import FeedbackResponse, LabelSubmission
from mlplatform_client.models.predictions import (
    InvalidItem,
    Prediction,
    PredictionBatch,
    PredictionExplanation,
)

MAX_RECORDS = 100
"""The most records of one request."""
MAX_LABELS = 1000
"""The most labels of one request."""

Record = Mapping[str, Any] | BaseModel


class Predicting(Resource[TransportT]):
    """Predictions of records, and labels of predictions."""

    @endpoint
    def predict(
        self,
        record: Record,
        *,
        use_case: str | None = None,
        environment: Environment | None = None,
        role: ServingRole | None = None,
        routing_key: str | None = None,
        purpose: Purpose | None = None,
    ) -> Flow[Prediction]:
        """Return the prediction of a record.

        Without `use_case` the gateway's default one answers, without `environment` staging. `role`
        asks the canary or shadow instead of whichever release is chosen; such predictions are in no
        report. Records with the same `routing_key` are answered by the same release.
        """
        headers = _headers(environment, role, routing_key, purpose)
        return post(_path(use_case), Prediction, record, headers, repeatable=False)

    @endpoint
    def predict_many(
        self,
        records: Iterable[Record],
        *,
        use_case: str | None = None,
        environment: Environment | None = None,
        role: ServingRole | None = None,
        routing_key: str | None = None,
        purpose: Purpose | None = None,
    ) -> Flow[list[Prediction | InvalidItem]]:
        """Return the predictions of records in their order, from requests of at most 100 records.

        An invalid record has an `InvalidItem` in its place. See `predict` for the options.
        """
        headers = _headers(environment, role, routing_key, purpose)
        path, remaining = f"{_path(use_case)}/batch-sync", iter(records)
        found: list[Prediction | InvalidItem] = []
        while part := list(islice(remaining, MAX_RECORDS)):
            body = {"records": part}
            batch = yield from post(path, PredictionBatch, body, headers, repeatable=False)
            found += batch.predictions
        return found

    @endpoint
    def explain(
        self,
        record: Record,
        *,
        use_case: str,
        environment: Environment | None = None,
        role: ServingRole | None = None,
    ) -> Flow[PredictionExplanation]:
        """Explain a prediction: the change of the score without each part of the record.

        Without `environment` staging answers, without `role` the stable release. It is one call of
        up to 181 records, and nothing is logged.
        """
        headers = _headers(environment, role, None, None)
        path = f"/models/{segment(use_case)}/explain"
        return post(path, PredictionExplanation, record, headers, repeatable=True)

    @endpoint
    def feedback(
        self,
        prediction_id: str,
        label: str | float,
        *,
        use_case: str,
        known_at: datetime | None = None,
    ) -> Flow[FeedbackResponse]:
        """Send the true label of a prediction; it may be sent twice, late, or replaced.

        `known_at` is when it became known, with a time zone; without it the current time is used.
        """
        sent = LabelSubmission(prediction_id=prediction_id, label=label, known_at=known_at)
        body = {"use_case": use_case, **sent.model_dump(exclude_none=True)}
        return post("/feedback", FeedbackResponse, body, repeatable=True)

    @endpoint
    def feedback_many(
        self, labels: Iterable[LabelSubmission | Mapping[str, Any]], *, use_case: str
    ) -> Flow[FeedbackResponse]:
        """Send labels in requests of at most 1,000, and return the outcomes of all.

        A label has `prediction_id`, `label` and perhaps `known_at`. The `index` of a rejected one
        is its place in `labels`.
        """
        remaining, start = iter(labels), 0
        outcomes: list[FeedbackResponse] = []
        while part := [_label(one) for one in islice(remaining, MAX_LABELS)]:
            body = {"use_case": use_case, "labels": part}
            answer = yield from post("/feedback", FeedbackResponse, body, repeatable=True)
            outcomes.append(_placed(answer, start))
            start += len(part)
        return _total(outcomes)


def _path(use_case: str | None) -> str:
    return "/predict" if use_case is None else f"/models/{segment(use_case)}/predict"


def _headers(
    environment: str | None, role: str | None, routing_key: str | None, purpose: str | None
) -> dict[str, str]:
    given = {
        "X-Environment": environment,
        "X-Release-Role": role,
        "X-Routing-Key": routing_key,
        "X-Purpose": purpose,
    }
    return {name: value for name, value in given.items() if value is not None}


def _label(given: LabelSubmission | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, LabelSubmission):
        return given.model_dump(exclude_none=True)
    return dict(given)


def _placed(answer: FeedbackResponse, start: int) -> FeedbackResponse:
    """Return an answer whose rejections have their place in all labels."""
    rejected = [one.model_copy(update={"index": one.index + start}) for one in answer.rejected]
    return answer.model_copy(update={"rejected": rejected})


def _total(answers: Sequence[FeedbackResponse]) -> FeedbackResponse:
    return FeedbackResponse(
        accepted=sum(one.accepted for one in answers),
        pending=sum(one.pending for one in answers),
        unchanged=sum(one.unchanged for one in answers),
        replaced=sum(one.replaced for one in answers),
        rejected=[one for answer in answers for one in answer.rejected],
    )
