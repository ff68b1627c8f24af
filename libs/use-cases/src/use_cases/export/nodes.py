"""Build nodes of an ONNX graph with function calls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

LAST = 2**62
"""An end of a slice behind every element."""


class Nodes:
    """Adds nodes to a converter's container; tensors are their names."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container
        self._constants: dict[tuple[Any, ...], str] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the name of the output."""
        output = output or str(self._scope.get_unique_variable_name(operator.lower()))
        domain = attributes.pop("op_domain", "")
        self._container.add_node(
            operator,
            list(inputs),
            output,
            op_domain=domain,
            name=self._scope.get_unique_operator_name(operator),
            **attributes,
        )
        return output

    def ints(self, values: Sequence[Any] | int | np.ndarray) -> str:
        """Return a constant int64 tensor."""
        array = np.asarray(values, np.int64)
        key = (array.shape, array.tobytes())
        if key not in self._constants:
            name = str(self._scope.get_unique_variable_name("constant"))
            self._container.add_initializer(
                name, TensorProto.INT64, list(array.shape), array.ravel().tolist()
            )
            self._constants[key] = name
        return self._constants[key]

    def doubles(self, values: Any) -> str:
        """Return a constant float64 tensor."""
        return self._numbers(TensorProto.DOUBLE, np.asarray(values, np.float64))

    def floats(self, values: Any) -> str:
        """Return a constant float32 tensor."""
        return self._numbers(TensorProto.FLOAT, np.asarray(values, np.float32))

    def _numbers(self, kind: int, values: np.ndarray) -> str:
        name = str(self._scope.get_unique_variable_name("constant"))
        self._container.add_initializer(name, kind, list(values.shape), values.ravel().tolist())
        return name

    def slice(self, tensor: str, start: int, end: int = LAST) -> str:
        """Return columns `start` to before `end` of [N, L]."""
        return self.add("Slice", tensor, self.ints([start]), self.ints([end]), self.ints([1]))

    def as_int(self, tensor: str) -> str:
        """Return booleans as 0 and 1."""
        return self.add("Cast", tensor, to=TensorProto.INT64)

    def above(self, tensor: str, limit: int) -> str:
        """Return where a tensor is above a limit."""
        return self.add("Greater", tensor, self.ints(limit))

    def running_sum(self, tensor: str) -> str:
        """Return the sums of [N, L] along its rows up to each column."""
        return self.add("CumSum", tensor, self.ints(1))

    def filled(self, tensor: str, columns: str, value: int) -> str:
        """Return [N, M] of one value: N of `tensor`, and M a scalar."""
        rows = self.add("Slice", self.add("Shape", tensor), *map(self.ints, ([0], [1])))
        shape = self.add("Concat", rows, self.add("Reshape", columns, self.ints([1])), axis=0)
        return self.add(
            "ConstantOfShape", shape, value=helper.make_tensor("v", TensorProto.INT64, [1], [value])
        )

    def scatter(self, data: str, positions: str, updates: str, **options: Any) -> str:
        """Return `data` with `updates` [N, L] at the columns `positions` [N, L]."""
        return self.add("ScatterElements", data, positions, updates, axis=1, **options)

    def packed(self, values: str, keep: str) -> str:
        """Return the values [N, L] that are kept (1, others 0) at the front, zeros behind them."""
        positions = self.add("Mul", self.running_sum(keep), keep)
        longest = self.add("ReduceMax", positions, keepdims=0)
        # Column 0 takes the values that are dropped; the last column stays empty, so that at least
        # one column is left.
        room = self.filled(values, self.add("Add", longest, self.ints(2)), 0)
        return self.slice(self.scatter(room, positions, values), 1)
