"""Columns as plain ones, however a file stores them: the same for datasets and batch jobs."""

import pyarrow as pa
import pyarrow.compute as pc

# All of these fit into 64 bits.
MAX_WHOLE_DIGITS = 18
_TEXTS = (
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def plain(column: pa.Array) -> pa.Array:
    """Return text as Arrow's plain strings and numbers as plain numbers, however they are stored.

    Bytes become text as they are: rows whose bytes are not UTF-8 are refused by the validation.
    """
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.storage)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        encoded = pa.types.is_dictionary(kind)
        return plain(column.dictionary_decode() if encoded else pc.run_end_decode(column))
    if pa.types.is_decimal(kind):
        whole = kind.scale <= 0 and kind.precision <= MAX_WHOLE_DIGITS
        return column.cast(pa.int64() if whole else pa.float64() if kind.scale > 0 else pa.string())
    if any(is_text(kind) for is_text in _TEXTS):
        options = pc.CastOptions(target_type=pa.string(), allow_invalid_utf8=True)
        return pc.cast(column, options=options)
    return column


def is_text(column: pa.Array) -> bool:
    """Return whether all texts of a column are UTF-8, as are columns of any other type."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def readable(column: pa.Array) -> pa.Array:
    """Return a plain column with U+FFFD for bytes that are not UTF-8, which text columns of Parquet
    files may hold and few functions of Arrow take.
    """
    if not pa.types.is_string(column.type) or is_text(column):
        return column
    values = column.cast(pa.binary()).to_pylist()
    texts = [None if value is None else value.decode(errors="replace") for value in values]
    return pa.array(texts, pa.string())
