"""Everything that follows from the pydantic model of a record: columns, limits, messages, checks.

A field is text (`str`), a number (`float`), a whole number (`int`) or one of a few texts
(`Literal`), and becomes one column; a list of numbers with `ColumnNames` becomes one column per
number. A number or a text may be missing (`float | None`); the column then holds null.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.compute as pc
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails

_TYPES: Mapping[Any, pa.DataType] = {str: pa.string(), float: pa.float32(), int: pa.int64()}
_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "cannot be read as text",
    "string_unicode": "cannot be read as text",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "float_type": "cannot be read as a number",
    "int_type": "cannot be read as a whole number",
    "int_from_float": "cannot be read as a whole number",
    "finite_number": "is not a finite number",
    "greater_than_equal": "is less than {ge:g}",
    "less_than_equal": "is greater than {le:g}",
    "greater_than": "is not greater than {gt:g}",
    "less_than": "is not less than {lt:g}",
    "literal_error": "is not one of {expected}",
}


@dataclass(frozen=True)
class RecordId:
    """Marks the field that names a record to its sender; it must be the first one."""


@dataclass(frozen=True)
class ColumnNames:
    """Marks a list of numbers: the names of its columns, `x-columns` in its JSON Schema."""

    names: tuple[str, ...]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema of the list with the names."""
        return {**handler(schema), "x-columns": list(self.names)}


@dataclass(frozen=True)
class Truncated:
    """Marks a text of which at most `maximum` characters are read: a longer one is cut."""

    maximum: int


@dataclass(frozen=True)
class Limits:
    """What a column may hold: characters for text, the value itself for numbers, inclusive."""

    minimum: float
    maximum: float


@dataclass(frozen=True)
class _Field:
    """One field of the record: the key a caller sends, its columns, type and limits."""

    name: str
    key: str
    columns: tuple[str, ...]
    type: pa.DataType
    limits: Limits | None
    default: Any
    required: bool
    is_list: bool
    nullable: bool


class RecordSchema:
    """A record model as columns."""

    def __init__(self, model: type[BaseModel]) -> None:
        """Derive the columns of `model`.

        Raises:
            TypeError: a field is neither text, a number, a `Literal` of texts nor a list of numbers
                with `ColumnNames`.
        """
        self.model = model
        self._fields = tuple(_field(name, info) for name, info in model.model_fields.items())
        of_column = {column: field for field in self._fields for column in field.columns}
        self.arrow = pa.schema([pa.field(name, field.type) for name, field in of_column.items()])
        self.limits: Mapping[str, Limits] = {
            name: field.limits for name, field in of_column.items() if field.limits is not None
        }
        self.defaults: Mapping[str, Any] = {
            name: field.default for name, field in of_column.items() if not field.required
        }
        self.nullable = frozenset(name for name, field in of_column.items() if field.nullable)
        """The columns whose values may be missing."""
        self.id_column = _id_column(model)
        self.truncated: Mapping[str, int] = {
            name: mark.maximum
            for name, info in model.model_fields.items()
            for mark in info.metadata
            if isinstance(mark, Truncated)
        }
        """The most characters of the texts that are cut."""
        self._by_key = {field.key: field for field in self._fields}
        self._getters = [(_getter(field.name), field) for field in self._fields]
        self._flat = not any(field.is_list for field in self._fields)

    def values(self, records: Sequence[BaseModel]) -> dict[str, Sequence[Any]]:
        """Return the N values of each column, by column name, in order."""
        found: dict[str, Sequence[Any]] = {}
        for get, field in self._getters:
            values = [get(record) for record in records]
            if field.is_list:
                parts = _transposed(values, len(field.columns))
                found.update(zip(field.columns, parts, strict=True))
            else:
                found[field.name] = values
        for name, most in self.truncated.items():
            found[name] = [v if v is None or len(v) <= most else _cut(v, most) for v in found[name]]
        return found

    def truncated_fields(self, record: BaseModel) -> list[str]:
        """Return the fields of a record that `values` cuts."""
        return [
            name for name, most in self.truncated.items() if len(getattr(record, name) or "") > most
        ]

    def truncate(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, pa.BooleanArray]]:
        """Return `batch` with its texts cut as `values` cuts them, and by column which were."""
        masks: dict[str, pa.BooleanArray] = {}
        for name, most in self.truncated.items():
            index = batch.schema.get_field_index(name)
            if index < 0 or batch.schema.field(index).type != pa.string():
                continue
            # A text has at least as many bytes as characters, and bytes are counted much faster.
            if (pc.max(pc.binary_length(batch.column(index))).as_py() or 0) <= most:
                continue
            values = batch.column(index).to_pylist()
            long = [value is not None and len(value) > most for value in values]
            cut = [_cut(v, most) if is_long else v for v, is_long in zip(values, long, strict=True)]
            masks[name] = pa.array(long)
            batch = batch.set_column(index, batch.schema.field(index), pa.array(cut, pa.string()))
        return batch, masks

    def columns(self, records: Sequence[BaseModel]) -> pa.RecordBatch:
        """Return N records as N rows, in order."""
        values = self.values(records)
        arrays = [pa.array(values[field.name], field.type) for field in self.arrow]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)

    def request(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return one row as a caller would send it."""
        return {
            field.key: [row[name] for name in field.columns] if field.is_list else row[field.name]
            for field in self._fields
            if field.is_list or field.required or row[field.name] is not None
        }

    def first_problem(self, row: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a row (column and message), `None` where it fits.

        The row is validated as a request would be: strictly, by the model itself.
        """
        try:
            self.model.model_validate(self.request(row), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            column = self._column_at(first["loc"])
            missing = row.get(column, column) is None
            return f"{column} {_MESSAGES['missing'] if missing else error_message(first)}"
        return None

    def _column_at(self, location: tuple[int | str, ...]) -> str:
        """Return the column that an error of the model is about."""
        field = self._by_key.get(str(location[0])) if location else None
        if field is None:
            return ".".join(map(str, location)) or "the record"
        index = location[1] if len(location) > 1 else None
        return field.columns[index] if isinstance(index, int) else field.key


@cache
def record_schema(model: type[BaseModel]) -> RecordSchema:
    """Return the schema of a record model, derived once per process."""
    return RecordSchema(model)


def error_message(error: ErrorDetails) -> str:
    """Return what is wrong with a field, without its name and without the value itself."""
    known = _MESSAGES.get(error["type"])
    return error["msg"] if known is None else known.format(**error.get("ctx", {}))


def _field(name: str, info: FieldInfo) -> _Field:
    names = next((m.names for m in info.metadata if isinstance(m, ColumnNames)), None)
    inner = info
    is_list = get_origin(info.annotation) is list
    if is_list:
        inner = FieldInfo.from_annotation(get_args(info.annotation)[0])
    kind, nullable = _column_type(inner.annotation)
    if kind is None or is_list != (names is not None):
        raise TypeError(
            f"the record's field {name!r} has type {info.annotation}; use str, float, int, a "
            "Literal of texts, str | None, float | None, or a list of numbers with ColumnNames"
        )
    alias = info.validation_alias
    required = info.is_required()
    return _Field(
        name=name,
        key=alias if isinstance(alias, str) else name,
        columns=names or (name,),
        type=kind,
        limits=_limits(inner.metadata, kind),
        default=None if required else info.get_default(call_default_factory=True),
        required=required,
        is_list=is_list,
        nullable=nullable,
    )


def _column_type(annotation: Any) -> tuple[pa.DataType | None, bool]:
    """Return the type of a field's column, `None` if there is none, and whether it may be null.

    A whole number has no missing value in a tensor of 64-bit integers: `int | None` has no type.
    """
    nullable = False
    if get_origin(annotation) in {Union, UnionType}:
        arguments = [argument for argument in get_args(annotation) if argument is not NoneType]
        nullable = len(arguments) == 1
        annotation = arguments[0] if nullable else annotation
    if get_origin(annotation) is Literal:
        texts = all(isinstance(value, str) for value in get_args(annotation))
        return (pa.string() if texts else None), nullable
    kind = _TYPES.get(annotation)
    return (None if nullable and kind == pa.int64() else kind), nullable


def _getter(name: str) -> Callable[[BaseModel], Any]:
    # (`attrgetter` would take a dot for an attribute of an attribute.)
    return attrgetter(name) if "." not in name else lambda record: getattr(record, name)


def _limits(metadata: Iterable[object], kind: pa.DataType) -> Limits | None:
    """Return the limits where there is an upper one, and for numbers a lower one too."""
    least: Any = 0 if kind == pa.string() else None
    most: Any = None
    for constraint in metadata:
        match constraint:
            case Ge(ge=value) | MinLen(min_length=value):
                least = value
            case Le(le=value) | MaxLen(max_length=value) | Truncated(maximum=value):
                most = value
    return None if least is None or most is None else Limits(least, most)


def _cut(text: str, most: int) -> str:
    """Return the first `most` characters of a text, not counting NUL: no feature reads it."""
    return text.replace("\x00", "")[:most]


def _id_column(model: type[BaseModel]) -> str | None:
    marked = (n for n, info in model.model_fields.items() if RecordId() in info.metadata)
    return next(marked, None)


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
