"""From a request's body to records of a use case, or to what is wrong with it."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from platform_core.errors import FieldError, InvalidFields
from use_cases import UseCase
from use_cases.record_schema import error_message

RECORDS = "records"
MAX_RECORDS = 100
MAX_ERRORS = 20
"""So many are named; the caller learns how many more there are."""
MAX_FIELD_CHARACTERS = 100
# pydantic makes an error of every unknown key: a million of them take seconds and tens of
# megabytes. Above this size unknown keys are counted before anything is validated; a body of
# ordinary size is not read twice.
CROWDED_BYTES = 16 << 10
# With more errors than this (each is an object in memory) only their number is told.
MAX_ERROR_OBJECTS = 1000
LARGE_BYTES = 256 << 10
"""Larger bodies are read in a thread: meanwhile other requests are answered."""

Schema = TypeVar("Schema")
Parsed = TypeVar("Parsed")


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


async def parse_off_loop(
    parser: Callable[[Schema, bytes], Parsed], schema: Schema, body: bytes
) -> Parsed:
    """Return `parser(schema, body)`; it runs in a thread where the body is large."""
    if len(body) <= LARGE_BYTES:
        return parser(schema, body)
    return await asyncio.to_thread(parser, schema, body)


def parse(model: type[BaseModel], body: bytes | str) -> Any:
    """Return `body` as a `model`: JSON's own types only, so no number passes for a text.

    Raises:
        InvalidFields: it is not JSON, or does not fit; the first fields are named.
    """
    if len(body) > CROWDED_BYTES:
        _refuse_crowd(model, _document(body))
    return _validate(model, body)


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
    if len(document) > len(given):
        raise _no_such_fields(document, names)
    if len(given) != 1:
        raise InvalidFields(FieldError(names[0], f"send the list once, as {' or '.join(names)}"))
    items = document[given[0]]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_RECORDS:
        raise InvalidFields(FieldError(given[0], f"send a list of 1 to {MAX_RECORDS} records"))
    return items


def _item(case: UseCase, item: object) -> Item:
    try:
        _refuse_crowd(case.record, item)
        return _validate(case.record, to_json(item))
    except InvalidFields as error:
        name = item.get(case.id_column) if isinstance(item, dict) else None
        return BadItem(name if isinstance(name, str) else None, error)


def _validate(model: type[BaseModel], body: bytes | str) -> Any:
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:
            _refuse_crowd(model, _document(body))
        raise _invalid(error) from error


def _document(body: bytes | str) -> object:
    """Return what `body` says, nothing where it is no JSON: validation tells why."""
    try:
        return from_json(body, cache_strings="none")
    except ValueError:
        return None


def _refuse_crowd(model: type[BaseModel], document: object) -> None:
    """Refuse an object with more unknown fields than would be named, without looking at each."""
    if not isinstance(document, dict) or model.model_config.get("extra") != "forbid":
        return
    known = _field_names(model)
    if len(document) - len(known & document.keys()) > MAX_ERRORS:
        raise _no_such_fields(document, known)


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    aliases = (field.validation_alias for field in model.model_fields.values())
    return frozenset([*model.model_fields, *(alias for alias in aliases if isinstance(alias, str))])


def _no_such_fields(document: Mapping[str, object], known: Collection[str]) -> InvalidFields:
    count = len(document) - sum(name in document for name in known)
    unknown = (name for name in document if name not in known)
    errors = (FieldError(_short(name), "is not a known field") for name in unknown)
    return _first(errors, count)


def _invalid(error: ValidationError) -> InvalidFields:
    """Name the fields; what the caller sent is not repeated, it may be private."""
    count = error.error_count()
    if count > MAX_ERROR_OBJECTS:
        return InvalidFields(FieldError("", f"{count} values do not fit the schema"))
    found = error.errors(include_url=False, include_input=False)
    return _first((FieldError(_short(*e["loc"]), error_message(e)) for e in found), count)


def _first(errors: Iterable[FieldError], count: int) -> InvalidFields:
    return InvalidFields(*islice(errors, MAX_ERRORS), more=max(0, count - MAX_ERRORS))


def _short(*location: object) -> str:
    return ".".join(map(str, location))[:MAX_FIELD_CHARACTERS]
