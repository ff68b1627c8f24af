"""What the exporter changes in a converted graph: its output, and one slow operator."""

from collections.abc import MutableSequence, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from platform_core.open_inference import PROBABILITIES

_SORTED = "probabilities_in_sorted_order"
_ORDER = "class_order"
_ROW_AXIS = "row_axis"
_TINY = "smallest_norm"


def keep_probabilities(graph: onnx.GraphProto, order: Sequence[int]) -> None:
    """Make `probabilities` [N, C] the only output: its columns are the converter's in `order`.

    The converter's outputs are the label and the probabilities in sorted order of the classes.
    """
    scores = graph.output[1].name
    for node in graph.node:  # the converter may call its own output `probabilities` already
        _rename(node.input, scores, _SORTED)
        _rename(node.output, scores, _SORTED)
    graph.initializer.append(numpy_helper.from_array(np.array(order, np.int64), _ORDER))
    graph.node.append(helper.make_node("Gather", [_SORTED, _ORDER], [PROBABILITIES], axis=1))
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(PROBABILITIES, onnx.TensorProto.FLOAT, [None, len(order)])
    )
    prune(graph)


def divide_by_norm(graph: onnx.GraphProto) -> None:
    """Replace each L2 `Normalizer` by a division by the norm.

    ONNX Runtime's `Normalizer` goes through a row one number at a time: over 20,000 terms it
    takes as long as the rest of the graph, and so does its `ReduceL2`. A row of zeros stays
    one.
    """
    nodes = []
    for node in graph.node:
        norm = [a.s for a in node.attribute if a.name == "norm"]
        if node.op_type != "Normalizer" or norm != [b"L2"]:
            nodes.append(node)
            continue
        source, target = node.input[0], node.output[0]
        squares, total, length, divisor = (f"{target}_{i}" for i in range(4))
        nodes += [
            helper.make_node("Mul", [source, source], [squares]),
            helper.make_node("ReduceSum", [squares, _ROW_AXIS], [total], keepdims=1),
            helper.make_node("Sqrt", [total], [length]),
            helper.make_node("Max", [length, _TINY], [divisor]),
            helper.make_node("Div", [source, divisor], [target]),
        ]
    if len(nodes) > len(graph.node):
        tiny = np.array([np.finfo(np.float32).tiny], np.float32)
        graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), _ROW_AXIS))
        graph.initializer.append(numpy_helper.from_array(tiny, _TINY))
    del graph.node[:]
    graph.node.extend(nodes)


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new


def prune(graph: onnx.GraphProto) -> None:
    """Remove what does not lead to `probabilities`."""
    needed = {PROBABILITIES}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    used = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(used)
