"""Converter of the piecewise linear encoding: the same operations on float32 as in the model."""

from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType

from use_cases.export.nodes import Nodes
from use_cases.stock.piecewise import PiecewiseLinearEncoder


def _shape(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([rows, len(operator.raw_operator.columns_)])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    step, nodes = operator.raw_operator, Nodes(scope, container)
    values = nodes.add("Gather", operator.inputs[0].full_name, nodes.ints(step.columns_), axis=1)
    offsets = nodes.add("Sub", values, nodes.floats(step.starts_))
    shares = nodes.add("Div", offsets, nodes.floats(step.widths_))
    limits = [nodes.floats(limit) for limit in (0, 1)]
    nodes.add("Clip", shares, *limits, output=operator.outputs[0].full_name)


update_registered_converter(PiecewiseLinearEncoder, "ExactPiecewiseLinearEncoder", _shape, _convert)
