"""Parse the body of `POST /feedback` into labels and problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from api_gateway.predict.parsing import parse
from platform_core.errors import FieldError, InvalidRecord
from records.index import INDEX_ROWS
from records.labels.intake import RejectedLabel, Rejection, SentLabel
from use_cases import use_case_names

LABELS = "labels"
KnownAt = Annotated[
    AwareDatetime | None,
    Field(description="when it became known, with a time zone; without it: now"),
]


class LabelSubmission(BaseModel):
    """The label of one prediction: a class, or a number for regression."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: Annotated[str, Field(max_length=100)]
    label: Annotated[str, Field(max_length=1000)] | float
    known_at: KnownAt = None


class OneLabel(LabelSubmission):
    """A body with one label."""

    use_case: str


class ManyLabels(BaseModel):
    """A body with a list of labels; an invalid one does not reject the others."""

    model_config = ConfigDict(extra="forbid")

    use_case: str
    labels: Annotated[list[LabelSubmission], Field(min_length=1, max_length=INDEX_ROWS)]


@dataclass(frozen=True)
class LabelRequest:
    """The labels of a request; `rejected` are the malformed ones."""

    use_case: str
    labels: list[SentLabel]
    rejected: list[RejectedLabel]


def parse_labels(body: bytes) -> LabelRequest:
    """Return the labels of a body: one of them, or 1 to 1,000 in a list.

    Raises:
        InvalidRecord: the body has neither form, or names a use case that is not installed.
    """
    content = _object(body)
    if LABELS not in content:
        one = parse(OneLabel, body)
        sent = SentLabel(0, one.prediction_id, one.label, one.known_at)
        return LabelRequest(_installed(one.use_case), [sent], [])
    unknown = content.keys() - {"use_case", LABELS}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise InvalidRecord(FieldError("", f"{names:.100}: is not a known field"))
    labels = content[LABELS]
    if not isinstance(labels, list) or not 1 <= len(labels) <= INDEX_ROWS:
        raise InvalidRecord(FieldError(LABELS, f"send a list of 1 to {INDEX_ROWS} labels"))
    items = [_item(index, item) for index, item in enumerate(labels)]
    return LabelRequest(
        _installed(content.get("use_case")),
        [item for item in items if isinstance(item, SentLabel)],
        [item for item in items if isinstance(item, RejectedLabel)],
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRecord(FieldError("", f"the body is not JSON: {error}")) from error
    if not isinstance(content, dict):
        raise InvalidRecord(FieldError("", "send an object with a label, or with a list of labels"))
    return content


def _item(index: int, item: object) -> SentLabel | RejectedLabel:
    try:
        label = parse(LabelSubmission, to_json(item))
    except InvalidRecord as error:
        named = item.get("prediction_id") if isinstance(item, dict) else None
        prediction_id = named[:100] if isinstance(named, str) else None
        return RejectedLabel(index, prediction_id, Rejection.INVALID, str(error))
    return SentLabel(index, label.prediction_id, label.label, label.known_at)


def _installed(name: object) -> str:
    if not isinstance(name, str) or name not in use_case_names():
        known = ", ".join(use_case_names())
        raise InvalidRecord(FieldError("use_case", f"{name!r:.100} is not one of {known}"))
    return name
