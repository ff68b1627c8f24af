"""Labels that are sent, and their outcomes."""

from datetime import datetime

from mlplatform_client.models.common import Document, Rejection


class LabelSubmission(Document):
    """The label of one prediction: a class, or a number for regression."""

    prediction_id: str
    label: str | float
    known_at: datetime | None = None
    """When it became known, with a time zone; without it: now."""


class LabelRejection(Document):
    """A label that was not stored; `index` is its place in the list."""

    index: int
    prediction_id: str | None
    code: Rejection
    detail: str


class FeedbackResponse(Document):
    """The number of labels by outcome; `pending` ones wait for their record."""

    accepted: int
    pending: int
    unchanged: int
    replaced: int
    rejected: list[LabelRejection]
