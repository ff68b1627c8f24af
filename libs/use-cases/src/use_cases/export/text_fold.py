"""TF-IDF and the linear classifier behind it, as one multiplication.

With x (0 or 1 per term), idf and the weights w the classifier adds up, of a text,
Σ x·idf·w / √(Σ (x·idf)²): the normalised TF-IDF values are needed nowhere. As x² = x, both sums
are products of x with a constant, and nothing else goes through all the terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

_PREFIX = "text_fold"
_TINY = np.finfo(np.float32).tiny
_BOOL = onnx.TensorProto.BOOL
_TWO_CLASSES = 2


@dataclass(frozen=True)
class _Text:
    """The terms of one text column: idf [V], and what its values are multiplied with."""

    terms: NodeProto
    idf: np.ndarray
    scale: float


@dataclass(frozen=True)
class _Linear:
    """A classifier of two classes: weights [F] of `inputs`, and its nodes up to the score."""

    node: NodeProto
    inputs: NodeProto
    weights: np.ndarray


class _Graph:
    """What made a tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._makers = {name: node for node in graph.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}

    def maker(self, name: str, operator: str) -> NodeProto | None:
        node = self._makers.get(name)
        return node if node is not None and node.op_type == operator else None

    def constant(self, name: str) -> np.ndarray | None:
        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)


def fold_text(graph: onnx.GraphProto) -> None:
    """Rewrite each linear classifier of two classes on normalised TF-IDF of binary counts.

    The texts must come first among its inputs. What looks different stays as it is.
    """
    known = _Graph(graph)
    for index, node in reversed(list(enumerate(graph.node))):
        linear = _linear(known, node)
        if linear is None:
            continue
        texts = _texts(known, linear.inputs)
        if not texts or len(texts) == len(linear.inputs.input):
            continue
        nodes, constants = _folded(linear, texts)
        before, after = list(graph.node[:index]), list(graph.node[index + 1 :])
        for text in texts:
            _count_once(text.terms)
        graph.initializer.extend(constants)
        del graph.node[:]
        graph.node.extend([*before, *nodes, *after])


def _linear(known: _Graph, node: NodeProto) -> _Linear | None:
    weights: np.ndarray | None = None
    if node.op_type == "MatMul":
        weights = known.constant(node.input[1])
        weights = weights[:, 0] if weights is not None and weights.shape[1:] == (1,) else None
    elif node.op_type == "LinearClassifier":
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if given.get("post_transform") == b"LOGISTIC" and len(given["intercepts"]) == _TWO_CLASSES:
            weights = np.array(given["coefficients"], np.float32).reshape(2, -1)[1]
    inputs = known.maker(node.input[0], "Concat")
    return None if weights is None or inputs is None else _Linear(node, inputs, weights)


def _texts(known: _Graph, inputs: NodeProto) -> list[_Text]:
    found = []
    for name in inputs.input:
        text = _text(known, name)
        if text is None:
            break
        found.append(text)
    return found


def _text(known: _Graph, name: str) -> _Text | None:
    scale = 1.0
    if scaled := known.maker(name, "Mul"):
        factor = known.constant(scaled.input[1])
        if factor is None or factor.size != 1:
            return None
        name, scale = scaled.input[0], float(factor.item())
    normed = known.maker(name, "Normalizer")
    if normed is None or [a.s for a in normed.attribute if a.name == "norm"] != [b"L2"]:
        return None
    weighted = known.maker(normed.input[0], "Mul")
    if weighted is None:
        return None
    idf = known.constant(weighted.input[1])
    number = known.maker(weighted.input[0], "Cast")
    occurs = None if number is None else known.maker(number.input[0], "Cast")
    if occurs is None or [a.i for a in occurs.attribute if a.name == "to"] != [_BOOL]:
        return None
    terms = known.maker(occurs.input[0], "TfIdfVectorizer")
    return None if terms is None or idf is None else _Text(terms, idf.ravel(), scale)


def _count_once(terms: NodeProto) -> None:
    """Mode `IDF` without weights: 1 where the term occurs."""
    for attribute in terms.attribute:
        if attribute.name == "mode":
            attribute.s = b"IDF"


def _folded(
    linear: _Linear, texts: Sequence[_Text]
) -> tuple[list[NodeProto], list[onnx.TensorProto]]:
    """Return what takes the place of the classifier, and its constants."""
    nodes: list[NodeProto] = []
    constants: dict[str, Any] = {}
    parts: list[str] = []
    start = 0
    for number, text in enumerate(texts):
        here = f"{_PREFIX}_{number}"
        weights = linear.weights[start : start + len(text.idf)]
        start += len(text.idf)
        nodes.append(_sums(text, weights, f"{here}_sums"))
        made = [
            ("Split", [f"{here}_sums"], [f"{here}_sum", f"{here}_square"]),
            ("Sqrt", [f"{here}_square"], [f"{here}_length"]),
            ("Max", [f"{here}_length", f"{_PREFIX}_tiny"], [f"{here}_divisor"]),
            ("Div", [f"{here}_sum", f"{here}_divisor"], [f"{here}_part"]),
        ]
        for kind, inputs, outputs in made:
            options: dict[str, Any] = {"axis": 1, "num_outputs": 2} if kind == "Split" else {}
            nodes.append(helper.make_node(kind, inputs, outputs, **options))
        parts.append(f"{here}_part")
    others = f"{_PREFIX}_others"
    constants |= {f"{others}_weights": linear.weights[start:, None], f"{_PREFIX}_tiny": [_TINY]}
    nodes += [
        helper.make_node("Concat", linear.inputs.input[len(texts) :], [others], axis=1),
        helper.make_node("MatMul", [others, f"{others}_weights"], [f"{others}_part"]),
    ]
    ending, added = _ending(linear, [*parts, f"{others}_part"])
    constants |= added
    tensors = [
        numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in constants.items()
    ]
    return [*nodes, *ending], tensors


def _sums(text: _Text, weights: np.ndarray, output: str) -> NodeProto:
    """Return what gives [N, 2]: Σ x·idf·w and Σ x·idf².

    (For one row over 50,000 terms ONNX Runtime's `MatMul` takes five times as long.)
    """
    idf = text.idf.astype(np.float32)
    coefficients = np.concatenate([idf * weights * np.float32(text.scale), np.square(idf)])
    return helper.make_node(
        "LinearRegressor",
        [text.terms.output[0]],
        [output],
        domain="ai.onnx.ml",
        targets=2,
        coefficients=coefficients.tolist(),
        intercepts=[0.0, 0.0],
    )


def _ending(
    linear: _Linear, parts: Sequence[str]
) -> tuple[list[NodeProto], dict[str, Sequence[float]]]:
    """Return the nodes from the parts of the score to the outputs of the classifier."""
    node = linear.node
    if node.op_type == "MatMul":
        return [helper.make_node("Sum", parts, node.output)], {}
    bias, score, minus = (f"{_PREFIX}_{name}" for name in ("bias", "score", "minus"))
    intercepts = next(a.floats for a in node.attribute if a.name == "intercepts")
    both = f"{_PREFIX}_both"
    return [
        helper.make_node("Sum", [*parts, bias], [score]),
        helper.make_node("Neg", [score], [minus]),
        helper.make_node("Concat", [minus, score], [both], axis=1),
        helper.make_node("Sigmoid", [both], [node.output[1]]),
    ], {bias: [intercepts[1]]}
