"""What the exporter changes in a converted graph: inputs, output, and one slow operator."""

from collections.abc import MutableSequence, Sequence
from itertools import groupby

import numpy as np
import onnx
from onnx import helper, numpy_helper

from platform_core.open_inference import NUMBERS, PREDICTION, PROBABILITIES

_SORTED = "probabilities_in_sorted_order"
_ORDER = "class_order"
_ROW_AXIS = "row_axis"
_TINY = "smallest_norm"
_CONCATENATIONS = ("Concat", "FeatureVectorizer")


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


def keep_prediction(graph: onnx.GraphProto) -> None:
    """Make `prediction` [N, 1] float32 the name of the only output, the converter's first."""
    values = graph.output[0].name
    for node in graph.node:
        _rename(node.input, values, PREDICTION)
        _rename(node.output, values, PREDICTION)
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(PREDICTION, onnx.TensorProto.FLOAT, [None, 1])
    )


def name_inputs(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    """Give the inputs of a converted graph the names of the features, in their order: the
    converter replaces what no identifier has, such as `=` and blanks.
    """
    for given, name in zip(list(graph.input), names, strict=True):
        if given.name != name:
            for node in graph.node:
                _rename(node.input, given.name, name)
            given.name = name


def take_block(graph: onnx.GraphProto, numbers: Sequence[str]) -> None:
    """Replace the inputs `numbers`, K of [N, 1], by one input `numbers` [N, K].

    The converter concatenates the inputs a step takes; such a run becomes one selection of
    columns, or the block itself.
    """
    if not numbers:
        return
    block = _Block(graph, numbers)
    for node in list(graph.node):
        block.rewrite(node)
    inputs = [given for given in graph.input if given.name not in numbers]
    shape = [None, len(numbers)]
    inputs.append(helper.make_tensor_value_info(NUMBERS, onnx.TensorProto.FLOAT, shape))
    del graph.input[:]
    graph.input.extend(inputs)
    nodes = [*block.selections, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


class _Block:
    """The block's columns as the nodes of a graph need them."""

    def __init__(self, graph: onnx.GraphProto, numbers: Sequence[str]) -> None:
        self._graph = graph
        self._columns = {name: index for index, name in enumerate(numbers)}
        self._names = {tuple(range(len(numbers))): NUMBERS}
        self.selections: list[onnx.NodeProto] = []

    def rewrite(self, node: onnx.NodeProto) -> None:
        """Let a node take columns of the block where it took inputs of one number each."""
        if not any(name in self._columns for name in node.input):
            return
        inputs: list[str] = []
        for is_number, run in groupby(node.input, self._columns.__contains__):
            if not is_number:
                inputs += run
            elif node.op_type in _CONCATENATIONS:
                inputs.append(self._selection([self._columns[name] for name in run]))
            else:
                inputs += [self._selection([self._columns[name]]) for name in run]
        del node.input[:]
        node.input.extend(inputs)
        if node.op_type in _CONCATENATIONS and len(inputs) == 1:
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]

    def _selection(self, columns: list[int]) -> str:
        """Return the name of the tensor [N, C] with some columns of the block."""
        key = tuple(columns)
        if key not in self._names:
            self._names[key] = name = f"{NUMBERS}_{len(self._names)}"
            chosen = numpy_helper.from_array(np.array(columns, np.int64), f"{name}_columns")
            self._graph.initializer.append(chosen)
            self.selections.append(
                helper.make_node("Gather", [NUMBERS, chosen.name], [name], axis=1)
            )
        return str(self._names[key])


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
    """Remove nodes and initialisers that do not lead to an output."""
    needed = {output.name for output in graph.output}
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
