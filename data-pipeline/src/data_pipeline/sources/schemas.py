"""One schema for files that disagree."""

from collections.abc import Callable

import pyarrow as pa

TEXT = pa.string()


def unify(
    first: pa.Schema, second: pa.Schema, order: Callable[[list[str]], list[str]]
) -> pa.Schema:
    """Return a schema that holds the columns of both; text where their types do not go together.

    It never narrows: unified again with either, it stays the same.
    """
    types = {field.name: field.type for field in first}
    for field in second:
        types[field.name] = _common(types.get(field.name, pa.null()), field.type)
    return pa.schema([pa.field(name, types[name]) for name in order(list(types))])


def fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return `batch` with the columns and types of a schema that `unify` made of its own."""
    names = set(batch.schema.names)
    columns = [
        _cast(batch.column(field.name), field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    if first.equals(second) or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    integers = pa.types.is_integer(first) and pa.types.is_integer(second)
    if integers and pa.uint64() not in {first, second}:
        return pa.int64()
    numbers = (pa.types.is_floating, pa.types.is_integer)
    if all(any(is_a(kind) for is_a in numbers) for kind in (first, second)) and not integers:
        return pa.float64()
    return TEXT


def _cast(column: pa.Array, target: pa.DataType) -> pa.Array:
    if column.type.equals(target):
        return column
    try:
        return column.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Bytes that are no text, integers too long for a float, types without a cast.
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], TEXT).cast(
            target, safe=False
        )
