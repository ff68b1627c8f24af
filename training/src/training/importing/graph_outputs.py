"""The outputs of a foreign ONNX graph, turned into those of a release."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from platform_core.errors import InvalidData
from platform_core.open_inference import PREDICTION, PROBABILITIES
from training.importing.found import Declared
from training.importing.graph_inputs import kind_name
from use_cases import UseCase

FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16})
LABELS = frozenset({TensorProto.INT64, TensorProto.INT32, TensorProto.STRING})
ML = "ai.onnx.ml"
MATRIX = 2
SUM_TOLERANCE = 1e-3
RANGE_TOLERANCE = 1e-6
_MADE = "release_output"

Run = Callable[[str], np.ndarray]
"""Returns the value that the graph computes for a tensor, for a few records of the use case."""


@dataclass(frozen=True)
class ForeignOutput:
    """One output, or the tensor behind a ZipMap; `labels` are those that the graph names."""

    name: str
    kind: int
    labels: tuple[str, ...] | None


def finish_outputs(
    model: onnx.ModelProto,
    case: UseCase,
    declared: Declared,
    labels: Sequence[str] | None,
    run: Run,
    prefix: str,
) -> tuple[str, ...]:
    """Replace the outputs of a graph by `probabilities` [N, C], or for a regression `prediction`
    [N, 1], and return what was assumed.

    Raises:
        InvalidData: the output does not fit the use case, or more must be declared.
    """
    chosen = _chosen(foreign_outputs(model.graph), declared, prefix)
    adding = _Adding(model)
    if not case.classes:
        _require_number(chosen, run(chosen.name), prefix)
        adding.node("Cast", [chosen.name], to=TensorProto.FLOAT)
        adding.reshape([-1, 1])
        adding.finish(PREDICTION, 1)
        return ()
    names = declared.classes or labels or chosen.labels
    order, notes = _order(case, names)
    if chosen.kind not in FLOATS:
        notes += _one_hot(adding, chosen, names, order, run)
    else:
        notes += _probabilities(adding, chosen, case, order, declared, run)
    adding.finish(PROBABILITIES, len(case.classes))
    return notes


def foreign_outputs(graph: onnx.GraphProto) -> list[ForeignOutput]:
    """Return the outputs of a graph; a sequence of maps is replaced by the tensor behind it."""
    zipped = {node.output[0]: node for node in graph.node if node.op_type == "ZipMap"}
    named = next((found for node in graph.node if (found := _class_labels(node))), None)
    outputs = []
    for one in graph.output:
        node = zipped.get(one.name)
        if node is None:
            outputs.append(ForeignOutput(one.name, one.type.tensor_type.elem_type, named))
        else:
            outputs.append(ForeignOutput(node.input[0], TensorProto.FLOAT, _class_labels(node)))
    return outputs


def _class_labels(node: onnx.NodeProto) -> tuple[str, ...] | None:
    for attribute in node.attribute:
        if attribute.name in ("classlabels_strings", "classlabels_strings_") and attribute.strings:
            return tuple(text.decode(errors="backslashreplace") for text in attribute.strings)
        if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
            return tuple(str(number) for number in attribute.ints)
    return None


def _chosen(outputs: list[ForeignOutput], declared: Declared, prefix: str) -> ForeignOutput:
    """Return the output to use: the declared one, the only one of numbers, the one that is called
    a probability, or else the label.
    """
    plain = {one.name.removeprefix(prefix): one for one in outputs}
    if declared.output:
        if declared.output not in plain:
            raise InvalidData(f"the model has no output {declared.output!r}; it has {[*plain]}")
        chosen = plain[declared.output]
        if chosen.kind not in FLOATS | LABELS:
            raise InvalidData(
                f"the output is neither numbers nor labels: {_shown({declared.output: chosen})}"
            )
        return chosen
    usable = [one for one in plain.values() if one.kind in FLOATS | LABELS]
    if not usable:
        raise InvalidData(f"no output of the model is numbers or labels: {_shown(plain)}")
    numbers = [one for one in usable if one.kind in FLOATS]
    likely = [one for one in numbers if "prob" in one.name.removeprefix(prefix).lower()]
    for found in (numbers, likely):
        if len(found) == 1:
            return found[0]
    found = [one for one in usable if one.kind in LABELS]
    if not numbers and len(found) == 1:
        return found[0]
    raise InvalidData(f"the model has the outputs {[*plain]}; name the one to use with --output")


def _shown(outputs: Mapping[str, ForeignOutput]) -> str:
    return ", ".join(f"{name!r} ({kind_name(one.kind)})" for name, one in outputs.items())


def label_class(case: UseCase, label: str) -> str | None:
    """Return the class that a model's label stands for: its name, or one of its spellings."""
    if label in case.classes:
        return label
    return case.training().label.values.get(label.strip().lower())


def class_order(case: UseCase, labels: Sequence[str]) -> list[int]:
    """Return the positions of the classes of a use case among a model's `labels`.

    Raises:
        InvalidData: they are not the classes of the use case; the message names the difference.
    """
    found = [label_class(case, label) for label in labels]
    unknown = [label for label, name in zip(labels, found, strict=True) if name is None]
    missing = [name for name in case.classes if name not in found]
    twice = sorted({name for name in found if name is not None and found.count(name) > 1})
    if unknown or missing or len(found) != len(case.classes):
        raise InvalidData(
            f"the classes of the model are {', '.join(labels)}, those of the use case {case.name} "
            f"are {', '.join(case.classes)}; "
            f"unknown: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
            + (f"; more than once: {', '.join(twice)}" if twice else "")
        )
    return [found.index(name) for name in case.classes]


def _order(case: UseCase, labels: Sequence[str] | None) -> tuple[list[int], tuple[str, ...]]:
    if labels:
        return class_order(case, labels), ()
    return list(range(len(case.classes))), (
        "The model does not name its classes: they were assumed to be "
        f"{', '.join(case.classes)}, in this order.",
    )


def _probabilities(
    adding: "_Adding",
    chosen: ForeignOutput,
    case: UseCase,
    order: list[int],
    declared: Declared,
    run: Run,
) -> tuple[str, ...]:
    values = run(chosen.name)
    columns = values.shape[1] if values.ndim == MATRIX else 1
    if values.ndim > MATRIX or columns not in {1, len(case.classes)}:
        raise InvalidData(
            f"the output has the shape {list(values.shape)} for {len(values)} records; "
            f"it must have {len(case.classes)} probabilities per record, or one for two classes"
        )
    if columns == 1 and len(case.classes) != MATRIX:
        raise InvalidData(
            f"the output has one probability per record; {len(case.classes)} classes need one each"
        )
    if not declared.logits:
        _require_probabilities(values)
    adding.node("Cast", [chosen.name], to=TensorProto.FLOAT)
    if columns > 1:
        if declared.logits:
            adding.node("Softmax", [adding.last], axis=1)
        adding.gather(order)
        return ()
    if declared.logits:
        adding.node("Sigmoid", [adding.last])
    adding.reshape([-1, 1])
    adding.complement()
    first = case.classes[order.index(1)]
    adding.gather(order)
    return (f"The single number of its output was assumed to be the probability of {first!r}.",)


def _require_probabilities(values: np.ndarray) -> None:
    inside = np.isfinite(values).all() and bool(
        ((values >= -RANGE_TOLERANCE) & (values <= 1 + RANGE_TOLERANCE)).all()
    )
    whole = values.ndim < MATRIX or values.shape[1] == 1
    if not inside or not (whole or np.allclose(values.sum(axis=1), 1, atol=SUM_TOLERANCE)):
        raise InvalidData(
            f"the output is not a probability: for the first record it is "
            f"{np.ravel(values[0]).tolist()}; if these are logits, declare them with --logits"
        )


def _one_hot(
    adding: "_Adding",
    chosen: ForeignOutput,
    labels: Sequence[str] | None,
    order: list[int],
    run: Run,
) -> tuple[str, ...]:
    """Turn a label [N] into 0 and 1 by class."""
    answers = run(chosen.name)
    values = np.ravel(answers)
    if answers.ndim == 0 or answers.size != len(answers):
        raise InvalidData(
            f"the labels have the shape {list(answers.shape)} for a few records; there must be one "
            "per record"
        )
    names = list(labels or [str(number) for number in range(len(order))])
    strange = sorted({str(value) for value in values} - set(names))
    if strange:
        raise InvalidData(
            f"the model's labels {', '.join(strange)} are not among {', '.join(names)}; "
            "name its labels with --classes"
        )
    if chosen.kind == TensorProto.STRING:
        adding.number_labels(chosen.name, names)
        numbers = list(range(len(names)))
    else:
        adding.node("Cast", [chosen.name], to=TensorProto.INT64)
        numbers = [int(name) for name in names]
    adding.reshape([-1, 1])
    adding.node("Equal", [adding.last, adding.constant(np.array([numbers], np.int64))])
    adding.node("Cast", [adding.last], to=TensorProto.FLOAT)
    adding.gather(order)
    return ("The model gives no probabilities: its class gets probability 1 and the others get 0.",)


def _require_number(chosen: ForeignOutput, values: np.ndarray, prefix: str) -> None:
    one = values.ndim == 1 or (values.ndim == MATRIX and values.shape[1] == 1)
    if chosen.kind not in FLOATS or not one:
        raise InvalidData(
            f"the output {chosen.name.removeprefix(prefix)!r} has the shape {list(values.shape)}; "
            "a regression answers with one number per record"
        )


class _Adding:
    """Appends nodes to a graph, each to the output of the last one."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._versions = {one.domain: one.version for one in model.opset_import}
        self._count = 0
        self.last = ""

    def node(self, operator: str, inputs: list[str], domain: str = "", **attributes: Any) -> None:
        self._count += 1
        self.last = f"{_MADE}_{self._count}"
        made = helper.make_node(operator, inputs, [self.last], domain=domain, **attributes)
        self._graph.node.append(made)

    def constant(self, value: np.ndarray) -> str:
        self._count += 1
        name = f"{_MADE}_constant_{self._count}"
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def number_labels(self, source: str, labels: list[str]) -> None:
        """Turn labels (string) into their positions, -1 for any other text."""
        if self._versions[ML] == 1:
            given: dict[str, Any] = {"classes_strings": labels}
        else:
            given = {"keys_strings": labels, "values_int64s": list(range(len(labels)))}
        self.node("LabelEncoder", [source], domain=ML, default_int64=-1, **given)

    def reshape(self, shape: list[int]) -> None:
        self.node("Reshape", [self.last, self.constant(np.array(shape, np.int64))])

    def gather(self, order: list[int]) -> None:
        self.node("Gather", [self.last, self.constant(np.array(order, np.int64))], axis=1)

    def complement(self) -> None:
        """Turn one probability [N, 1] into [N, 2]: that of the other class, and itself."""
        share = self.last
        self.node("Sub", [self.constant(np.array([[1]], np.float32)), share])
        self.node("Concat", [self.last, share], axis=1)

    def finish(self, name: str, width: int) -> None:
        self._graph.node.append(helper.make_node("Identity", [self.last], [name]))
        del self._graph.output[:]
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
        self._graph.output.append(value)
