"""Decide the outcome of labels: accepted, pending, unchanged, replaced or rejected."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.errors import InvalidInput
from records.index import IndexedRecord, KnownLabel, RecordIndex
from use_cases import UseCase

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""How far the clock of a sender may be ahead."""
CLOCK_SET_BACK = timedelta(hours=2)
"""How far the clock of the gateway may be set back after it has made a prediction: an hour happens
where a clock is set by local time.
"""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class LabelOutcome(StrEnum):
    """The outcome of a label that was not rejected."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"


class Rejection(StrEnum):
    """The reason for rejecting a label."""

    INVALID = "invalid-label"
    NO_PREDICTION = "no-prediction-id"
    UNKNOWN_CLASS = "unknown-class"
    NOT_A_NUMBER = "not-a-number"
    IN_THE_FUTURE = "in-the-future"
    OTHER_USE_CASE = "other-use-case"
    EXPIRED = "expired"
    ERASED = "erased"


@dataclass(frozen=True)
class SentLabel:
    """A label as it was sent; `index` is its place in the request."""

    index: int
    prediction_id: str
    label: str | float
    known_at: datetime | None = None


@dataclass(frozen=True)
class RejectedLabel:
    """A label that was not stored, and the reason."""

    index: int
    prediction_id: str | None
    code: Rejection
    detail: str


@dataclass
class Feedback:
    """The outcomes of the labels of a request; `stored` are the ones to append."""

    stored: list[PredictionLabel] = field(default_factory=list)
    fates: Counter[LabelOutcome] = field(default_factory=Counter)
    rejected: list[RejectedLabel] = field(default_factory=list)


class LabelIntake:
    """Decides on the labels of one request, one after the other.

    `now` is when they arrived, `said_by` who sent them.
    """

    def __init__(self, case: UseCase, index: RecordIndex, now: datetime, said_by: str) -> None:
        self._case = case
        self._index = index
        self._now = now
        self._said_by = said_by

    def decide(self, sent: Sequence[SentLabel]) -> Feedback:
        """Return the outcomes of at most `INDEX_ROWS` labels. It reads the index: call it in a
        thread.
        """
        ids = [one.prediction_id for one in sent]
        seen, known = self._index.find(ids), dict(self._index.labels(ids))
        erased, complete = self._index.erased(ids), self._index.complete
        feedback = Feedback()
        for one in sent:
            rejected = self._reject(one, seen, one.prediction_id in erased, complete)
            if rejected is not None:
                feedback.rejected.append(rejected)
                continue
            label = self._label(one)
            current = known.get(one.prediction_id)
            fate = _fate(label, current, one.prediction_id in seen)
            feedback.fates[fate] += 1
            if current is None or current.label != label.label:
                feedback.stored.append(label)
                if current is None or current.known_at <= label.known_at:
                    known[one.prediction_id] = KnownLabel(label.label, label.known_at)
        return feedback

    def _label(self, sent: SentLabel) -> PredictionLabel:
        return PredictionLabel(
            prediction_id=sent.prediction_id,
            use_case=self._case.name,
            label=sent.label if self._case.classes else float(sent.label),
            known_at=self._now if sent.known_at is None else sent.known_at,
            said_by=self._said_by,
            received_at=self._now,
        )

    def _reject(
        self, sent: SentLabel, seen: Mapping[str, IndexedRecord], erased: bool, complete: bool
    ) -> RejectedLabel | None:
        reason = self._wrong_value(sent) or self._wrong_time(sent)
        record = seen.get(sent.prediction_id)
        if reason is None and erased:
            reason = Rejection.ERASED, "the prediction was erased"
        elif reason is None and record is not None and record.use_case != self._case.name:
            reason = (
                Rejection.OTHER_USE_CASE,
                f"the prediction belongs to the use case {record.use_case}",
            )
        elif reason is None and record is None and complete:
            reason = self._expired(sent)
        return reason and RejectedLabel(sent.index, sent.prediction_id, *reason)

    def _wrong_value(self, sent: SentLabel) -> tuple[Rejection, str] | None:
        classes, label = self._case.classes, sent.label
        if classes and label not in classes:
            return Rejection.UNKNOWN_CLASS, f"{label!r:.100} is not one of {', '.join(classes)}"
        if not classes and (isinstance(label, str) or not math.isfinite(label)):
            return Rejection.NOT_A_NUMBER, f"{label!r:.100} is not a finite number"
        return None

    def _wrong_time(self, sent: SentLabel) -> tuple[Rejection, str] | None:
        latest = self._now + CLOCK_DIFFERENCE
        try:
            made = prediction_time(sent.prediction_id)
        except InvalidInput as error:
            return Rejection.NO_PREDICTION, str(error)
        if made > self._now + CLOCK_SET_BACK:
            detail = f"its time {made.isoformat()} is too far ahead of the gateway's clock"
            return Rejection.NO_PREDICTION, detail
        if sent.known_at is not None and sent.known_at > latest:
            return Rejection.IN_THE_FUTURE, f"known_at {sent.known_at.isoformat()} is in the future"
        if sent.known_at is not None and sent.known_at < EARLIEST:
            return Rejection.INVALID, f"known_at {sent.known_at.isoformat()} is before 1970"
        return None

    def _expired(self, sent: SentLabel) -> tuple[Rejection, str] | None:
        maturity = self._case.label_maturity
        if self._now - prediction_time(sent.prediction_id) <= maturity:
            return None
        return Rejection.EXPIRED, (
            f"no prediction of this id was seen within {maturity.days} days, the label_maturity "
            f"of {self._case.name}"
        )


def _fate(label: PredictionLabel, current: KnownLabel | None, seen: bool) -> LabelOutcome:
    if current is None:
        return LabelOutcome.ACCEPTED if seen else LabelOutcome.PENDING
    changes = label.label != current.label and label.known_at >= current.known_at
    return LabelOutcome.REPLACED if changes else LabelOutcome.UNCHANGED
