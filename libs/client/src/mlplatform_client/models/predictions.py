"""Answers, logged predictions and their passports."""

from datetime import datetime
from typing import Any

from mlplatform_client.models.common import Document, Environment, Purpose, ServingRole
from mlplatform_client.models.lineage import Lineage


class ItemError(Document):
    """Why there is no prediction for one item of a batch."""

    code: str
    detail: str


class Prediction(Document):
    """The answer to one record.

    A classification has `probability` (of the predicted class) and `probabilities` by class, a
    regression has `interval`. The record's id and what else a use case adds are attributes too, or
    entries of `model_extra` (spam: `email_id`, `spam_probability`).
    """

    prediction_id: str
    prediction: str | float
    probability: float | None = None
    probabilities: dict[str, float] = {}
    interval: tuple[float, float] | None = None
    """Low and high: holds the label with the coverage of the release."""
    model_version: str
    release_id: str
    role: ServingRole
    """Of the release that answered."""
    environment: Environment
    degraded: bool
    """True when the feature store was unavailable."""
    truncated: list[str] = []
    """Fields of which only the start was read."""
    latency_ms: float
    timestamp: datetime


class InvalidItem(Document):
    """Stands in the place of a record of a batch that was not answered.

    The record's id is in `model_extra`, or its `index` where records have none.
    """

    error: ItemError


class PredictionBatch(Document):
    """One entry for each record of a request, in the same order."""

    predictions: list[Prediction | InvalidItem]
    count: int
    errors: int


class InferenceRecord(Document):
    """One answer. `latency_ms` is measured at the gateway, `time` when it answered (UTC).

    `input` is the record after the use case's redaction; `features` are
    the numbers the model saw, entity features last, in the order of the release's manifest, so
    that the answer can be recomputed; `probabilities` by class. For regression there are none,
    `prediction` is a number and `interval` has its low and high end.

    A prediction has one record that is its answer. It may have others, with the same
    `prediction_id`, `time` and `input`: that of a shadow, and that of a canary which `failed`, so
    that the stable release answered. The record of a failure has no prediction. A shadow's
    `latency_ms` is what the caller would have waited for it, `None` if the shadow got the record
    together with those of other calls. `service_ms` is what the inference service took for the
    call, without waiting for a processor; `None` where it does not say so.
    """

    prediction_id: str
    request_id: str
    time: datetime
    use_case: str
    environment: Environment
    release_id: str
    role: ServingRole = "stable"
    input: dict[str, Any]
    features: list[float | None]
    probabilities: dict[str, float]
    prediction: str | float | None
    interval: tuple[float, float] | None = None
    degraded: bool
    purpose: Purpose
    latency_ms: float | None
    service_ms: float | None = None
    failed: bool = False


class PredictionLabel(Document):
    """The true label of a prediction: a class, or a number for regression.

    `known_at` is when it became known, `received_at` when the platform received it (UTC);
    `said_by` names the API key that sent it. Of several labels of a prediction the one that became
    known last counts; the others are its history.
    """

    prediction_id: str
    use_case: str
    label: str | float
    known_at: datetime
    said_by: str
    received_at: datetime


class ReplayedPrediction(Document):
    """The same record, computed by the release that answered.

    `features` and `probabilities` are absolute differences by column and class (for regression by
    predicted number), `None` where only one side is a finite number; `predictions` is 1 when the
    answer differs; `rows` is 0 when the log lacks a value that is needed. `problem` says why it
    could not be computed.
    """

    rows: int = 0
    incomplete: int = 0
    features: dict[str, float | None] = {}
    probabilities: dict[str, float | None] = {}
    predictions: int = 0
    problem: str | None = None


class PredictionPassport(Document):
    """Everything that is known about a prediction.

    `lineage` leads from its release to the dataset version, the run and the git SHA, `None` where
    it cannot be read. Of `labels` the first counts; the others are its history. `shadow` is what a
    shadow answered to the same record, `failed_canary` the record of a canary that should have
    answered and could not.
    """

    record: InferenceRecord
    shadow: InferenceRecord | None
    failed_canary: InferenceRecord | None
    lineage: Lineage | None
    labels: list[PredictionLabel]
    replay: ReplayedPrediction | None = None
    """What `replay=true` computed."""


class PredictionSummary(Document):
    """A prediction that was found; `label` is `None` if it has none yet."""

    prediction_id: str
    time: datetime
    environment: Environment
    release_id: str
    role: ServingRole
    purpose: Purpose
    prediction: str | float
    label: str | float | None
    record_id: str | None
    """The id that the caller gave the record."""


class PredictionPage(Document):
    """Predictions, newest first; `cursor` asks for the next page.

    If `searches_text` is false, `q` is compared with the ids of records alone.
    """

    predictions: list[PredictionSummary]
    cursor: str | None
    searches_text: bool = False


class ExplainedPart(Document):
    """A part of the record, and the change of the score when it is left out.

    For a word or sentence `value` is its text, from `start` to `end` (characters of the field). A
    field that cannot be left out is replaced by the values `replaced_by`, and `change` is their
    mean; it is `None` where there is nothing to put in its place.
    """

    field: str
    value: str | float | None
    start: int | None
    end: int | None
    replaced_by: list[str | float | None]
    change: float | None


class PredictionExplanation(Document):
    """An explanation of a prediction, measured on the release that serves it.

    `score` is the probability of the class `score_of`, the predicted one; for regression it is the
    predicted number, and `score_of` is `None`. Changes of several parts do not sum to it.
    """

    release_id: str
    role: ServingRole
    environment: Environment
    prediction: str | float
    score_of: str | None
    score: float
    parts: list[ExplainedPart]
    rows: int
    """Records that were predicted for it; none is logged."""
    degraded: bool
    """True when the feature store was unavailable."""
