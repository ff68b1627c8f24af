"""Records in bulk: which rows of a table fit a use case's record schema, and why not."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidData
from use_cases.interface import Limits, UseCase


@dataclass(frozen=True)
class Validation:
    """`records` has the columns of the record schema, a row per row of the table that was
    checked; `reasons` says per row what is wrong with it, null where it fits. Rows that do not
    fit hold null where a value could not be read.
    """

    records: pa.RecordBatch
    reasons: pa.StringArray

    @property
    def fits(self) -> pa.BooleanArray:
        """True for each row that fits."""
        return self.reasons.is_null()


def validate_columns(use_case: UseCase, table: pa.Table | pa.RecordBatch) -> Validation:
    """Check every row of `table` against the record schema and limits of `use_case`.

    Raises:
        InvalidData: columns of the record schema are missing; the message names them.
    """
    missing = [name for name in use_case.record_schema.names if name not in table.schema.names]
    if missing:
        raise InvalidData(
            f"the data has no column {', '.join(missing)} "
            f"(it has {', '.join(table.schema.names)}); "
            f'name them by COLUMNS="{missing[0]}=<your column>"'
        )
    reasons = pa.nulls(table.num_rows, pa.string())
    columns = []
    for field in use_case.record_schema:
        values, problems = _column(table[field.name], field, use_case.limits.get(field.name))
        columns.append(values)
        reasons = pc.coalesce(reasons, problems)
    return Validation(pa.record_batch(columns, schema=use_case.record_schema), reasons)


def _column(
    column: pa.Array | pa.ChunkedArray, field: pa.Field, limits: Limits | None
) -> tuple[pa.Array, pa.Array]:
    given = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = cast_column(given, field.type)
    problems = pc.if_else(values.is_null(), f"{field.name} cannot be read", None)
    problems = pc.if_else(given.is_null(), f"{field.name} is missing", problems)
    if limits is not None:
        measure = pc.utf8_length(values) if field.type == pa.string() else values
        beyond = pc.fill_null(
            pc.invert(
                pc.and_(
                    pc.greater_equal(measure, limits.minimum),
                    pc.less_equal(measure, limits.maximum),
                )
            ),
            False,
        )
        problems = pc.coalesce(problems, pc.if_else(beyond, outside(field, limits), None))
    return values, problems.cast(pa.string())


def outside(field: pa.Field, limits: Limits) -> str:
    """Return what is said of a value that is not within its limits."""
    unit = " characters" if field.type == pa.string() else ""
    return f"{field.name} is not within {limits.minimum:g} to {limits.maximum:g}{unit}"


def cast_column(given: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast what can be cast; a value that cannot becomes null instead of failing its column."""
    try:
        # Rounding to float32 is wanted: it is what the model sees, in training as in serving.
        values = given.cast(target, safe=not pa.types.is_floating(given.type))
        # Files may hold text that is not UTF-8; nothing else looks before a feature trips over it.
        values.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([_cast_one(value, target) for value in given], target)
    return values


def _cast_one(value: pa.Scalar, target: pa.DataType) -> object:
    try:
        return value.cast(target).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
