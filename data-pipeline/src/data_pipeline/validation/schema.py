"""The Pandera schema that follows from a use case: types, presence and limits of every column."""

import warnings

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from use_cases import Limits, UseCase
from use_cases.validation import cast_column, outside

NOT_NULL = "not_nullable"


def row_schema(use_case: UseCase) -> pandera.DataFrameSchema:
    """Return what the records of `use_case` must hold, column by column."""
    return pandera.DataFrameSchema(
        {field.name: _column(use_case, field) for field in use_case.record_schema}
    )


def check_rows(
    use_case: UseCase, schema: pandera.DataFrameSchema, raw: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.Array]:
    """Return the records of `raw` as columns of the record schema, and per row what is wrong
    with it (null where it fits), in the words of `use_cases.validate_columns`.
    """
    given = [raw.column(field.name) for field in use_case.record_schema]
    columns = [
        cast_column(values, field.type)
        for values, field in zip(given, use_case.record_schema, strict=True)
    ]
    records = pa.record_batch(columns, schema=use_case.record_schema)
    with warnings.catch_warnings():
        # Pandera puts the failures of all checks into one frame, nulls among them.
        warnings.filterwarnings("ignore", "The behavior of DataFrame concat", FutureWarning)
        try:
            schema.validate(records.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
        except SchemaErrors as error:
            return records, _reasons(error.failure_cases, raw, records)
    return records, pa.nulls(raw.num_rows, pa.string())


def _column(use_case: UseCase, field: pa.Field) -> pandera.Column:
    limits = use_case.limits.get(field.name)
    checks = [] if limits is None else [_within(field, limits)]
    return pandera.Column(pd.ArrowDtype(field.type), checks, nullable=False)


def _within(field: pa.Field, limits: Limits) -> pandera.Check:
    low, high, error = limits.minimum, limits.maximum, outside(field, limits)
    if field.type == pa.string():
        return pandera.Check.str_length(int(low), int(high), error=error)
    return pandera.Check.in_range(low, high, error=error)


def _reasons(failures: pd.DataFrame, raw: pa.RecordBatch, records: pa.RecordBatch) -> pa.Array:
    """Return the first reason of each row in the order of the columns, absence before limits."""
    reasons: list[str | None] = [None] * raw.num_rows
    for name in reversed(records.schema.names):
        own = failures[failures["column"] == name]
        nulls = own["check"] == NOT_NULL
        missing = pc.is_null(raw.column(name))
        for row, problem in own.loc[~nulls, ["index", "check"]].itertuples(index=False):
            reasons[int(row)] = problem
        for row in own.loc[nulls, "index"]:
            word = "is missing" if missing[int(row)].as_py() else "cannot be read"
            reasons[int(row)] = f"{name} {word}"
    return pa.array(reasons, pa.string())
