"""V2 requests, from REST or gRPC, as Arrow record batches."""

import struct
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from kserve import InferInput, InferRequest

from platform_core.errors import InvalidInput
from platform_core.open_inference import RETURN_FEATURES, Tensor, TensorReader


def read_tensors(
    request: InferRequest, reader: TensorReader, nullable: Collection[str] = ()
) -> pa.RecordBatch:
    """Return the columns of the reader's schema from the input tensors of a request.

    In a column that `nullable` names a value may be missing: null in JSON, or NaN where the
    protocol has no null; both become null.

    Raises:
        InvalidInput: a tensor is missing, appears twice, does not fit, or has a null or
            non-finite value.
    """
    _refuse_twice([tensor.name for tensor in request.inputs])
    batch = reader.read(map(_tensor, request.inputs))
    for name in nullable:
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, batch.schema.field(index), _without_nan(batch[name]))
    for index, column in enumerate(reader.columns):
        values = batch.column(index) if column.width is None else batch.column(index).values
        missing = values.null_count and column.name not in nullable
        if missing or (column.datatype == "FP32" and not _finite(values)):
            raise InvalidInput(
                f"the input tensor {column.name!r} has values that are null or not finite; every "
                "record needs every field"
            )
    return batch


def features_requested(request: InferRequest) -> bool:
    """Return whether the parameter `return_features` is set."""
    value = (request.parameters or {}).get(RETURN_FEATURES, False)
    return bool(getattr(value, "bool_param", value))


def _tensor(tensor: InferInput) -> Tensor:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "datatype": tensor.datatype,
        "data": _values(tensor),
    }


def _refuse_twice(names: list[str]) -> None:
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"the input tensor {name!r:.100} appears twice; send it once")


def _values(tensor: InferInput) -> list[Any]:
    # gRPC may carry raw bytes instead of a list; KServe's decoder handles both.
    try:
        values = tensor.data or tensor.as_numpy().ravel().tolist()
        return _texts(values) if tensor.datatype == "BYTES" else _numbers(values)
    except (ValueError, TypeError, struct.error) as error:
        raise InvalidInput(f"the input tensor {tensor.name!r} cannot be read: {error}") from error


def _texts(values: Iterable[Any]) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in _flat(values)]


def _numbers(values: Iterable[Any]) -> list[Any]:
    numbers = _flat(values)
    if bool in set(map(type, numbers)):
        raise ValueError("true and false are not numbers")
    return numbers


def _flat(values: Iterable[Any]) -> list[Any]:
    # JSON may nest a tensor [N, K] as one list per row.
    values = list(values)
    if values and isinstance(values[0], list) and all(isinstance(v, list) for v in values):
        return [item for value in values for item in value]
    return values


def _without_nan(column: pa.Array) -> pa.Array:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _finite(column: pa.Array) -> bool:
    if column.null_count:
        column = column.drop_null()
    return bool(np.isfinite(column.to_numpy(zero_copy_only=False)).all())
