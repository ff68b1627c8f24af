"""V2 requests, from REST or gRPC, as Arrow record batches."""

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from kserve import InferInput, InferRequest

from platform_core.errors import InvalidInput
from platform_core.open_inference import RETURN_FEATURES, Tensor, TensorReader


def read_tensors(request: InferRequest, reader: TensorReader) -> pa.RecordBatch:
    """Return the columns of the reader's schema from the input tensors of a request.

    Raises:
        InvalidInput: a tensor is missing, does not fit, or has a null or non-finite value.
    """
    batch = reader.read(map(_tensor, request.inputs))
    for index, column in enumerate(batch.columns):
        values = column.values if pa.types.is_fixed_size_list(column.type) else column
        if values.null_count or not _finite(values):
            raise InvalidInput(
                f"the input tensor {batch.schema.names[index]!r} has values that are null or not "
                "finite; every record needs every field"
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


def _values(tensor: InferInput) -> list[Any]:
    # gRPC may carry raw bytes instead of a list; KServe's decoder handles both.
    try:
        values = tensor.data or tensor.as_numpy().ravel().tolist()
        return list(_texts(values)) if tensor.datatype == "BYTES" else _flat(values)
    except (ValueError, TypeError, struct.error) as error:
        raise InvalidInput(f"the input tensor {tensor.name!r} cannot be read: {error}") from error


def _texts(values: Iterable[Any]) -> Iterable[Any]:
    for value in _flat(values):
        yield value.decode() if isinstance(value, bytes) else value


def _flat(values: Iterable[Any]) -> list[Any]:
    # JSON may nest a tensor [N, K] as one list per row.
    values = list(values)
    if values and all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    return values


def _finite(column: pa.Array) -> bool:
    if not pa.types.is_floating(column.type):
        return True
    return bool(np.isfinite(column.to_numpy(zero_copy_only=False)).all())
