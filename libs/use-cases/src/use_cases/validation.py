"""Records in bulk: which rows of a table fit a use case's record, and why not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidData
from use_cases.interface import UseCase
from use_cases.plain_columns import plain

CHUNK_ROWS = 1_000
MISSING_NUMBERS = ("", "na", "n/a", "nan", "null", "none", "?")
"""How files spell a missing number, in lower case."""
_UNREADABLE = object()


@dataclass(frozen=True)
class Validation:
    """`records` has the columns of the record schema, a row per row of the table that was
    checked; `reasons` says per row what is wrong with it, null where it fits. Rows that do not
    fit hold null where a value could not be read. `truncated` says by column which rows were
    cut to its limit.
    """

    records: pa.RecordBatch
    reasons: pa.StringArray
    truncated: Mapping[str, pa.BooleanArray]

    @property
    def fits(self) -> pa.BooleanArray:
        """True for each row that fits."""
        return self.reasons.is_null()


def validate_columns(use_case: UseCase, table: pa.Table | pa.RecordBatch) -> Validation:
    """Check every row of `table` as a request would be checked, after casting its columns.

    Raises:
        InvalidData: columns of the record schema are missing; the message names them.
    """
    declared = use_case.record_schema
    names = set(table.schema.names) | set(use_case.declaration.defaults)
    missing = [name for name in declared.names if name not in names]
    if missing:
        raise InvalidData(
            f"the data has no column {', '.join(missing)} "
            f"(it has {', '.join(table.schema.names)}); "
            f'map yours with COLUMNS="{missing[0]}=<your column>"'
        )
    defaults = use_case.declaration.defaults
    nullable = use_case.declaration.nullable
    given = [_given(table, field, field.name in nullable) for field in declared]
    precise = [
        cast_column(column, pa.float64() if field.type == pa.float32() else field.type)
        for column, field in zip(given, declared, strict=True)
    ]
    columns = [
        _filled(column.cast(field.type, safe=False), defaults.get(field.name))
        for column, field in zip(precise, declared, strict=True)
    ]
    reasons: list[str | None] = []
    for start in range(0, table.num_rows, CHUNK_ROWS):
        parts = [column.slice(start, CHUNK_ROWS) for column in given]
        read = [column.slice(start, CHUNK_ROWS) for column in precise]
        rows = zip(*map(_values, parts, read), strict=True)
        reasons += (
            use_case.declaration.first_problem(dict(zip(declared.names, row, strict=True)))
            for row in rows
        )
    records = pa.RecordBatch.from_arrays(columns, schema=declared)
    fitting, truncated = use_case.declaration.truncate(records)
    return Validation(fitting, pa.array(reasons, pa.string()), truncated)


def _given(table: pa.Table | pa.RecordBatch, field: pa.Field, nullable: bool) -> pa.Array:
    if field.name not in table.schema.names:
        return pa.nulls(table.num_rows, field.type)
    column = table[field.name]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = plain(column)
    if pa.types.is_string(column.type) and not pa.types.is_string(field.type):
        column = pc.ascii_trim_whitespace(column)
    if pa.types.is_floating(column.type) and pa.types.is_string(field.type):
        # pandas writes a column of texts that are all missing as NaN: no text reads "nan".
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return without_blanks(column, field.type) if nullable else column


def without_blanks(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Return a nullable column with null where a file says in another way that there is no value:
    NaN, blank text, and for a number (`target`) the spellings in `MISSING_NUMBERS` as well.
    """
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    text = pc.ascii_lower(pc.ascii_trim_whitespace(column))  # (bytes may not be UTF-8)
    spellings = MISSING_NUMBERS if target == pa.float32() else ("",)
    blank = pc.is_in(text, pa.array(spellings, text.type))
    return pc.if_else(blank, pa.scalar(None, column.type), column)


def _filled(column: pa.Array, default: Any) -> pa.Array:
    return column if default is None else column.fill_null(default)


def _values(given: pa.Array, read: pa.Array) -> Iterator[Any]:
    """Return the values of a column, with a mark in place of those that could not be cast."""
    values: list[Any] = read.to_pylist()
    if read.null_count > given.null_count:
        lost = pc.and_(read.is_null(), given.is_valid())
        for row in pc.indices_nonzero(lost).to_pylist():
            values[row] = _UNREADABLE
    return iter(values)


def cast_column(given: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast what can be cast; a value that cannot becomes null instead of failing its column."""
    try:
        # Rounding floats is wanted: the model sees float32, in training as in serving.
        values = given.cast(target, safe=not pa.types.is_floating(given.type))
        # Files may hold text that is not UTF-8, which Arrow alone does not notice.
        values.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([_cast_one(value, target) for value in given], target)
    return values


def _cast_one(value: pa.Scalar, target: pa.DataType) -> object:
    try:
        return value.cast(target).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
