"""The bodies of the prediction routes as pydantic types, derived from each use case's record."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import ConfigDict, Field, create_model

from api_gateway.predict.parsing import MAX_RECORDS, list_names
from use_cases import UseCase

Examples = dict[str, Mapping[str, Any]]


def record_body(cases: Sequence[UseCase]) -> tuple[Any, Examples]:
    """Return the type of a body with one record of one of `cases`, and examples."""
    examples: Examples = {
        f"{case.name}: {name}": example for case in cases for name, example in case.examples.items()
    }
    return reduce(or_, [case.record for case in cases]), examples


def batch_body(cases: Sequence[UseCase]) -> tuple[Any, Examples]:
    """Return the type of a body with a list of records of one of `cases`, and examples.

    It documents a valid batch; `parse_batch` accepts invalid records as well, each in its place.
    """
    models = [_batch_model(case, name) for case in cases for name in list_names(case)]
    examples: Examples = {
        case.name: {list_names(case)[0]: list(case.examples.values())} for case in cases
    }
    return reduce(or_, models), examples


def _batch_model(case: UseCase, name: str) -> Any:
    record: Any = case.record
    items = Annotated[list[record], Field(min_length=1, max_length=MAX_RECORDS)]
    fields: dict[str, Any] = {name: (items, ...)}
    return create_model(batch_title(case, name), __config__=ConfigDict(extra="forbid"), **fields)


def batch_title(case: UseCase, name: str) -> str:
    """Return the name of the type with a list `name` of a use case's records."""
    return f"{case.name.title()}{name.title()}"
