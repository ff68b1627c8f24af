"""From a request's body to records of a use case, or to what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from api_gateway.errors import FieldError, InvalidFields
from use_cases import UseCase

RECORDS = "records"
MAX_RECORDS = 100


@dataclass(frozen=True)
class BadItem:
    """An item of a batch that is no record; `name` is its id where it has one."""

    name: str | None
    error: InvalidFields


Item = BaseModel | BadItem


def list_names(case: UseCase) -> tuple[str, ...]:
    """Return the names the list of a batch may have.

    A use case whose records are named by `<thing>_id` also takes `<thing>s`: `email_id` → `emails`.
    """
    id_column = case.id_column or ""
    return (
        (f"{id_column.removesuffix('_id')}s", RECORDS) if id_column.endswith("_id") else (RECORDS,)
    )


def parse(model: type[BaseModel], body: bytes | str) -> Any:
    """Return `body` as a `model`: JSON's own types only, so no number passes for a text.

    Raises:
        InvalidFields: it is not JSON, or does not fit; every field is named.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _invalid(error) from error


def parse_batch(case: UseCase, body: bytes) -> list[Item]:
    """Return the items of a batch, each a record or what is wrong with it.

    Raises:
        InvalidFields: the body is not JSON, has no list of 1 to 100 items, or more than that.
    """
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidFields(FieldError("", f"the body is not JSON: {error}")) from error
    return [_item(case, item) for item in _items(case, document)]


def _items(case: UseCase, document: object) -> Sequence[object]:
    names = list_names(case)
    if not isinstance(document, dict):
        raise InvalidFields(FieldError("", f"send an object with the list {names[0]!r}"))
    given = [name for name in names if name in document]
    unknown = [name for name in document if name not in names]
    if unknown:
        raise InvalidFields(
            *(FieldError(f"{name:.100}", "there is no such field") for name in unknown)
        )
    if len(given) != 1:
        raise InvalidFields(FieldError(names[0], f"send the list once, as {' or '.join(names)}"))
    items = document[given[0]]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_RECORDS:
        raise InvalidFields(FieldError(given[0], f"send a list of 1 to {MAX_RECORDS} records"))
    return items


def _item(case: UseCase, item: object) -> Item:
    try:
        return parse(case.record, to_json(item))
    except InvalidFields as error:
        name = item.get(case.id_column) if isinstance(item, dict) else None
        return BadItem(name if isinstance(name, str) else None, error)


def _invalid(error: ValidationError) -> InvalidFields:
    """Name every field; what the caller sent is not repeated, it may be private."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return InvalidFields(*(FieldError(".".join(map(str, e["loc"])), e["msg"]) for e in found))
