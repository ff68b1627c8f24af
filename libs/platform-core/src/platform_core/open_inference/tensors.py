"""The Open Inference Protocol (V2): Arrow record batches as named tensors and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
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
INTERVAL = "interval"
FEATURES = "features"
NUMBERS = "numbers"
RETURN_FEATURES = "return_features"

Tensor = dict[str, Any]


def tensor_specs(schema: pa.Schema) -> tuple[TensorSpec, ...]:
    """Return one tensor per column of `schema`: shape [-1], for a block of K numbers [-1, K].

    Raises:
        InvalidInput: a column is not string, float32, int64 or a fixed-size list of float32.
    """
    return tuple(
        TensorSpec(name=field.name, datatype=_datatype(field), shape=(-1, *_width(field)))
        for field in schema
    )


def tensors_from_batch(batch: pa.RecordBatch) -> list[Tensor]:
    """Return one V2 JSON tensor per column: shape [N], for a block of K numbers [N, K].

    Null becomes JSON null.
    """
    return [
        {
            "name": field.name,
            "shape": [batch.num_rows, *_width(field)],
            "datatype": _datatype(field),
            "data": _values(batch.column(index)),
        }
        for index, field in enumerate(batch.schema)
    ]


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads one column: K numbers in each row of a block of that `width`, else one value."""

    name: str
    type: pa.DataType
    datatype: str
    width: int | None

    def read(self, tensor: Tensor) -> pa.Array:
        """Return the column; `InvalidInput` if type, shape or data do not fit."""
        if tensor["datatype"] != self.datatype:
            raise InvalidInput(
                f"the input tensor {self.name!r} has datatype {tensor['datatype']}, "
                f"expected {self.datatype}"
            )
        data = tensor["data"]
        self._check_shape(list(tensor["shape"]), len(data))
        try:
            if self.width is None:
                return pa.array(data, self.type)
            return pa.FixedSizeListArray.from_arrays(pa.array(data, pa.float32()), type=self.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
            raise InvalidInput(f"the input tensor {self.name!r} does not fit: {error}") from error

    def _check_shape(self, shape: list[int], values: int) -> None:
        if self.width is None:
            fits = shape in ([values], [values, 1])
        else:
            fits = shape == [values // self.width, self.width] and values % self.width == 0
        if not fits:
            expected = "[N]" if self.width is None else f"[N, {self.width}]"
            raise InvalidInput(
                f"the input tensor {self.name!r} has shape {shape} for {values} values; "
                f"expected {expected}"
            )


class TensorReader:
    """Reads the columns of `schema` from V2 JSON tensors.

    A column has the shape [N] or [N, 1], a block of K numbers [N, K].
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self.columns = tuple(
            ColumnReader(field.name, field.type, _datatype(field), next(iter(_width(field)), None))
            for field in schema
        )

    def read(self, tensors: Iterable[Tensor]) -> pa.RecordBatch:
        """Return N rows; tensors that the schema does not name are ignored.

        Raises:
            InvalidInput: a tensor is missing, or its type, shape or data do not fit.
        """
        by_name = {tensor["name"]: tensor for tensor in tensors}
        columns = []
        for column in self.columns:
            if column.name not in by_name:
                raise InvalidInput(f"the input tensor {column.name!r} is missing")
            columns.append(column.read(by_name[column.name]))
        if len({len(column) for column in columns}) > 1:
            raise InvalidInput("the input tensors differ in length; give each the same batch size")
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def batch_from_tensors(tensors: Iterable[Tensor], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns of `schema` from V2 JSON tensors; see `TensorReader`."""
    return TensorReader(schema).read(tensors)


def number_block(features: pa.RecordBatch | pa.Table) -> np.ndarray:
    """Return the numbers [N, K] float32 of features; those of one batch are not copied."""
    column = features[NUMBERS]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    # `values` with the offset: Arrow's `flatten` costs four times as much for one row.
    rows, width = len(column), column.type.list_size
    start = column.offset * width
    values: np.ndarray = column.values.to_numpy()
    return values[start : start + rows * width].reshape(rows, width)


def _width(field: pa.Field) -> tuple[int, ...]:
    """Return the K of a block of numbers, nothing for a column of single values."""
    return (field.type.list_size,) if pa.types.is_fixed_size_list(field.type) else ()


def _values(column: pa.Array) -> list[Any]:
    single = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    values: list[Any] = single.to_pylist()
    return values


def _datatype(field: pa.Field) -> str:
    single = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
    # (Looking a type up in a dictionary spells it out first.)
    for arrow, datatype in _DATATYPES:
        if single == arrow:
            return datatype
    raise InvalidInput(
        f"column {field.name!r} has type {field.type}; use string, float32, int64 or a fixed-size "
        "list of float32"
    )
