"""From a request's body to records of a use case, or to what is wrong with it."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from platform_core.errors import FieldError, InvalidRecord
from use_cases import UseCase
from use_cases.record_schema import error_message

RECORDS = "records"
MAX_RECORDS = 100
MAX_ERRORS = 20
"""The number of errors that a response names; it counts the rest."""
MAX_FIELD_CHARACTERS = 100
# pydantic creates an error for every unknown key: a million of them take seconds and tens of
# megabytes. In bodies above this size unknown keys are counted before validation; smaller bodies
# are not parsed twice.
MANY_KEYS_BYTES = 16 << 10
# Above this number of errors (each is an object in memory) only the number is reported.
MAX_ERROR_OBJECTS = 1000
LARGE_BYTES = 256 << 10
"""Larger bodies are parsed in a thread, so that they do not block the event loop."""

Schema = TypeVar("Schema")
Parsed = TypeVar("Parsed")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class InvalidItem:
    """An item of a batch that is not a valid record; `record_id` is its id if it has one."""

    record_id: str | None
    error: InvalidRecord


Item = BaseModel | InvalidItem


def list_names(case: UseCase) -> tuple[str, ...]:
    """Return the names that the list of a batch may have.

    A use case whose records are named by `<thing>_id` also accepts `<thing>s`: `email_id` →
    `emails`.
    """
    id_column = case.id_column or ""
    if not id_column.endswith("_id"):
        return (RECORDS,)
    return (f"{id_column.removesuffix('_id')}s", RECORDS)


async def parse_off_loop(
    parser: Callable[[Schema, bytes], Parsed], schema: Schema, body: bytes
) -> Parsed:
    """Return `parser(schema, body)`, computed in a thread if the body is large."""
    if len(body) <= LARGE_BYTES:
        return parser(schema, body)
    return await asyncio.to_thread(parser, schema, body)


def parse(model: type[Model], body: bytes | str) -> Model:
    """Return `body` as a `model`, by JSON's own types: a number is never accepted as text.

    Raises:
        InvalidRecord: the body is not JSON or does not fit; the first fields are named.
    """
    if len(body) > MANY_KEYS_BYTES:
        _refuse_many_unknown(model, _json(body))
    return _validate(model, body)


def parse_batch(case: UseCase, body: bytes) -> list[Item]:
    """Return the items of a batch, each a record or what is wrong with it.

    Raises:
        InvalidRecord: the body is not JSON, or not an object with one list of 1 to 100 items.
    """
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRecord(FieldError("", f"the body is not JSON: {error}")) from error
    return [_item(case, item) for item in _items(case, content)]


def _items(case: UseCase, content: object) -> Sequence[object]:
    names = list_names(case)
    if not isinstance(content, dict):
        raise InvalidRecord(FieldError("", f"send an object with the list {names[0]!r}"))
    given = [name for name in names if name in content]
    if len(content) > len(given):
        raise _unknown_fields(content, names)
    if len(given) != 1:
        raise InvalidRecord(FieldError(names[0], f"send one list, as {' or '.join(names)}"))
    items = content[given[0]]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_RECORDS:
        raise InvalidRecord(FieldError(given[0], f"send a list of 1 to {MAX_RECORDS} records"))
    return items


def _item(case: UseCase, item: object) -> Item:
    try:
        _refuse_many_unknown(case.record, item)
        return _validate(case.record, to_json(item))
    except InvalidRecord as error:
        record_id = item.get(case.id_column) if isinstance(item, dict) else None
        return InvalidItem(record_id if isinstance(record_id, str) else None, error)


def _validate(model: type[Model], body: bytes | str) -> Model:
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:
            _refuse_many_unknown(model, _json(body))
        raise _invalid(error) from error


def _json(body: bytes | str) -> Any:
    """Return the parsed `body`, `None` if it is not JSON: validation reports why."""
    try:
        return from_json(body, cache_strings="none")
    except ValueError:
        return None


def _refuse_many_unknown(model: type[BaseModel], content: object) -> None:
    """Refuse an object with more unknown fields than would be named, without validating each."""
    if not isinstance(content, dict) or model.model_config.get("extra") != "forbid":
        return
    known = _field_names(model)
    if len(content) - len(known & content.keys()) > MAX_ERRORS:
        raise _unknown_fields(content, known)


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    aliases = (field.validation_alias for field in model.model_fields.values())
    return frozenset([*model.model_fields, *(alias for alias in aliases if isinstance(alias, str))])


def _unknown_fields(content: Mapping[str, object], known: Collection[str]) -> InvalidRecord:
    count = len(content) - sum(name in content for name in known)
    unknown = (name for name in content if name not in known)
    errors = (FieldError(_location(name), "is not a known field") for name in unknown)
    return _first(errors, count)


def _invalid(error: ValidationError) -> InvalidRecord:
    """Name the fields; the values are not repeated, because they may be private."""
    count = error.error_count()
    if count > MAX_ERROR_OBJECTS:
        return InvalidRecord(FieldError("", f"{count} values do not fit the schema"))
    found = error.errors(include_url=False, include_input=False)
    return _first((FieldError(_location(*e["loc"]), error_message(e)) for e in found), count)


def _first(errors: Iterable[FieldError], count: int) -> InvalidRecord:
    return InvalidRecord(*islice(errors, MAX_ERRORS), more=max(0, count - MAX_ERRORS))


def _location(*parts: object) -> str:
    return ".".join(map(str, parts))[:MAX_FIELD_CHARACTERS]
