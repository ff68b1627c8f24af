"""The Open Inference Protocol (V2): Arrow record batches as named tensors and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from platform_core.contracts.release import TensorSpec
from platform_core.errors import InvalidInput

DATATYPES: Mapping[pa.DataType, str] = {
    pa.string(): "BYTES",
    pa.float32(): "FP32",
    pa.int64(): "INT64",
}
ARROW_TYPES = {datatype: arrow for arrow, datatype in DATATYPES.items()}
_DATATYPES = tuple(DATATYPES.items())

PROBABILITIES = "probabilities"
PREDICTION = "prediction"
FEATURE_PREFIX = "feature."
RETURN_FEATURES = "return_features"

Tensor = dict[str, Any]


def tensor_specs(schema: pa.Schema) -> tuple[TensorSpec, ...]:
    """Return one tensor of shape [-1] per column of `schema`.

    Raises:
        InvalidInput: a column is not string, float32 or int64.
    """
    return tuple(
        TensorSpec(name=field.name, datatype=_datatype(field), shape=(-1,)) for field in schema
    )


def tensors_from_batch(batch: pa.RecordBatch) -> list[Tensor]:
    """Return one V2 JSON tensor of shape [N] per column; null becomes JSON null."""
    return [
        {
            "name": field.name,
            "shape": [batch.num_rows],
            "datatype": _datatype(field),
            "data": batch.column(index).to_pylist(),
        }
        for index, field in enumerate(batch.schema)
    ]


def batch_from_tensors(tensors: Sequence[Tensor], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns of `schema` from V2 JSON tensors of shape [N] or [N, 1].

    Tensors that `schema` does not name are ignored.

    Raises:
        InvalidInput: a tensor is missing, or its type, shape or data do not fit.
    """
    by_name = {tensor["name"]: tensor for tensor in tensors}
    columns = [_column(by_name, field) for field in schema]
    if len({len(column) for column in columns}) > 1:
        raise InvalidInput("the input tensors differ in length; give each the same batch size")
    return pa.record_batch(columns, schema=schema)


def _column(by_name: Mapping[str, Tensor], field: pa.Field) -> pa.Array:
    tensor = by_name.get(field.name)
    if tensor is None:
        raise InvalidInput(f"the input tensor {field.name!r} is missing")
    if tensor["datatype"] != _datatype(field):
        raise InvalidInput(
            f"the input tensor {field.name!r} has datatype {tensor['datatype']}, "
            f"expected {_datatype(field)}"
        )
    shape, data = list(tensor["shape"]), tensor["data"]
    if shape not in ([len(data)], [len(data), 1]):
        raise InvalidInput(
            f"the input tensor {field.name!r} has shape {shape} for {len(data)} values; "
            "expected [N]"
        )
    try:
        return pa.array(data, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
        raise InvalidInput(f"the input tensor {field.name!r} does not fit: {error}") from error


def _datatype(field: pa.Field) -> str:
    # (Looking a type up in a dictionary spells it out first.)
    for arrow, datatype in _DATATYPES:
        if field.type == arrow:
            return datatype
    raise InvalidInput(f"column {field.name!r} has type {field.type}; use string, float32 or int64")
