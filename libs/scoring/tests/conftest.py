"""Graphs made by hand, for what training would never produce."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from use_cases import model_schema, use_case
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

NAMES = ("numbers",)


@pytest.fixture
def iris_graph() -> Callable[..., bytes]:
    """Return a function that makes a graph which answers one fixed row to every flower."""

    def make(
        row: Sequence[float] = (0.2, 0.3, 0.5),
        inputs: Sequence[str] = NAMES,
        width: int = 4,
        output: str = "probabilities",
        stamp: str | None = None,
        kind: int = TensorProto.FLOAT,
    ) -> bytes:
        weights = np.asarray([row], helper.tensor_dtype_to_np_dtype(kind))
        nodes = [
            helper.make_node("ReduceSum", [inputs[0], "axes"], ["sum"]),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Cast", ["nothing"], ["cast"], to=kind),
            helper.make_node("Add", ["cast", "row"], [output]),
        ]
        graph = helper.make_graph(
            nodes,
            "fixed",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, width]) for n in inputs],
            [helper.make_tensor_value_info(output, kind, [None, len(row)])],
            [
                numpy_helper.from_array(np.zeros((1, 1), np.float32), "zero"),
                numpy_helper.from_array(np.array([1], np.int64), "axes"),
                numpy_helper.from_array(weights, "row"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 10
        return _stamped(model, stamp or feature_schema_hash(model_schema(use_case("iris"))))

    return make


def _stamped(model: Any, stamp: str) -> bytes:
    helper.set_model_props(model, {FEATURE_SCHEMA_KEY: stamp})
    onnx.checker.check_model(model)
    return model.SerializeToString()
