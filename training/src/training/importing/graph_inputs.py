"""The inputs of a foreign ONNX graph, fed from the features of a use case."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from platform_core.errors import InvalidData
from platform_core.open_inference import NUMBERS
from use_cases import FeatureSchema

NUMERIC: Mapping[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.BOOL: "bool",
}
WHOLE: Mapping[int, str] = {
    TensorProto.INT64: "fractions are cut off",
    TensorProto.INT32: "fractions are cut off",
    TensorProto.BOOL: "every number but 0 is true",
}
"""What the conversion to a type without fractions does to a number."""
MATRIX = 2


@dataclass(frozen=True)
class ForeignInput:
    """One input: its element type, and its shape with `None` for sizes that are not fixed."""

    name: str
    kind: int
    shape: tuple[int | None, ...]

    @property
    def text(self) -> bool:
        """Whether it takes text."""
        return self.kind == TensorProto.STRING

    @property
    def shown(self) -> str:
        """The input as messages show it: `'age' (int64 [N, 1])`."""
        sizes = ", ".join("N" if size is None else str(size) for size in self.shape)
        return f"{self.name!r} ({kind_name(self.kind)} [{sizes}])"


def feed_inputs(
    graph: onnx.GraphProto, schema: FeatureSchema, columns: Sequence[str] | None, prefix: str
) -> tuple[str, ...]:
    """Replace the inputs of `graph` by those of a release, and return the assumptions made.

    The new inputs are one string [N, 1] per text, and `numbers` [N, K] float32. `columns` are the
    names of a block's columns if the model has them; every name of the graph starts with `prefix`.

    Raises:
        InvalidData: the inputs do not fit; the message names every difference.
    """
    given = foreign_inputs(graph, prefix)
    feeding = _Feeding(schema, columns)
    nodes, constants = feeding.nodes(given, prefix)
    if feeding.differences:
        raise InvalidData(
            "the inputs of the model do not fit the features of the use case: "
            + "; ".join(feeding.differences)
        )
    del graph.input[:]
    texts = [
        helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1]) for name in schema.texts
    ]
    numbers = helper.make_tensor_value_info(NUMBERS, TensorProto.FLOAT, [None, len(schema.numbers)])
    graph.input.extend([*texts, *([numbers] if schema.numbers else [])])
    graph.initializer.extend(constants)
    own = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *own])
    return tuple(feeding.notes)


def foreign_inputs(graph: onnx.GraphProto, prefix: str = "") -> list[ForeignInput]:
    """Return the inputs of a graph that are not constants, without `prefix`."""
    constants = {tensor.name for tensor in graph.initializer}
    return [
        ForeignInput(
            one.name.removeprefix(prefix),
            one.type.tensor_type.elem_type,
            tuple(
                size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None
                for size in one.type.tensor_type.shape.dim
            ),
        )
        for one in graph.input
        if one.name not in constants
    ]


class _Feeding:
    """Finds the features of each input; `differences` and `notes` are sentences."""

    def __init__(self, schema: FeatureSchema, columns: Sequence[str] | None) -> None:
        self._schema = schema
        self._columns = columns
        spelt = [plain(name) for name in schema.names]
        alike = dict(zip(spelt, schema.names, strict=True))
        # A spelling that two names share tells neither.
        self._names = {text: name for text, name in alike.items() if spelt.count(text) == 1}
        self._names |= {name: name for name in schema.names}
        self._used: set[str] = set()
        self.differences: list[str] = []
        self.notes: list[str] = []

    def nodes(
        self, inputs: Sequence[ForeignInput], prefix: str
    ) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Return the nodes that make each input, and the constants that they need."""
        made: list[onnx.NodeProto] = []
        constants: list[onnx.TensorProto] = []
        for number, one in enumerate(inputs):
            names = self._features(one, inputs)
            if names is None:
                continue
            self._used.update(names)
            if one.kind in WHOLE:
                self.notes.append(
                    f"The input {one.name!r} is {kind_name(one.kind)}: {WHOLE[one.kind]}."
                )
            stem, target = f"feed_{number}", f"{prefix}{one.name}"
            nodes, tensors = self._feed(one, names, stem, target)
            made += nodes
            constants += tensors
        self._note_unused()
        return made, constants

    def _features(
        self, one: ForeignInput, inputs: Sequence[ForeignInput]
    ) -> tuple[str, ...] | None:
        """Return the features an input takes; `None`, with the reason noted, for none."""
        if one.shape and one.shape[0] is not None:
            return self._differ(
                f"{one.shown} has a fixed number of rows; export the model with a dynamic first "
                "dimension"
            )
        if len(one.shape) > MATRIX or not one.shape:
            return self._differ(f"{one.shown} is not one column [N] or one block [N, K]")
        if not one.text and one.kind not in NUMERIC:
            return self._differ(f"{one.shown} has a type to which features cannot be converted")
        name = self._find(one.name)
        width = one.shape[1] if len(one.shape) == MATRIX else 1
        if name is not None and width in {1, None}:
            return self._column(one, name)
        if one.text:
            return self._only_text(one, inputs)
        return self._block(one, width)

    def _find(self, name: str) -> str | None:
        return self._names.get(name) or self._names.get(plain(name))

    def _column(self, one: ForeignInput, name: str) -> tuple[str, ...] | None:
        if one.text != (name in self._schema.texts):
            kind = "a text" if name in self._schema.texts else "a number"
            return self._differ(f"{one.shown}: the feature {name!r} is {kind}")
        return (name,)

    def _only_text(
        self, one: ForeignInput, inputs: Sequence[ForeignInput]
    ) -> tuple[str, ...] | None:
        others = [other for other in inputs if other.text]
        width = one.shape[-1] if len(one.shape) == MATRIX else 1
        if len(self._schema.texts) == len(others) == 1 and width in {1, None}:
            self.notes.append(
                f"The input {one.name!r} was assumed to be {self._schema.texts[0]!r}."
            )
            return self._schema.texts
        texts = ", ".join(self._schema.texts) or "none"
        return self._differ(f"{one.shown} is not the name of a text feature (texts: {texts})")

    def _block(self, one: ForeignInput, width: int | None) -> tuple[str, ...] | None:
        numbers = self._schema.numbers
        if len(one.shape) < MATRIX or (width == 1 and len(numbers) != 1):
            return self._differ(
                f"{one.shown} is not the name of a number (numbers: {', '.join(numbers) or 'none'})"
            )
        if self._columns is not None:
            return self._named_columns(one, self._columns)
        if width is not None and width != len(numbers):
            return self._differ(
                f"{one.shown} takes {width} numbers, the use case has {len(numbers)}: "
                f"{', '.join(numbers) or 'none'}"
            )
        if not numbers:
            return self._differ(f"{one.shown} takes numbers, and the use case has none")
        self.notes.append(
            f"The input {one.name!r} does not name its columns: they were assumed to be "
            f"{', '.join(numbers)}, in this order."
        )
        return numbers

    def _named_columns(self, one: ForeignInput, columns: Sequence[str]) -> tuple[str, ...] | None:
        known = [self._find(name) for name in columns]
        numbers = [name for name in known if name in self._schema.numbers]
        missing = [name for name, found in zip(columns, known, strict=True) if found not in numbers]
        if missing:
            return self._differ(
                f"{one.shown} takes the columns {', '.join(missing)}, which are not among the "
                f"numbers of the use case ({', '.join(self._schema.numbers)})"
            )
        return tuple(name for name in known if name is not None)

    def _feed(
        self, one: ForeignInput, names: tuple[str, ...], stem: str, target: str
    ) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        flat = len(one.shape) == 1
        if one.text:
            return _feed_text(names[0], flat, stem, target)
        positions = np.array([self._schema.numbers.index(name) for name in names], np.int64)
        chosen = numpy_helper.from_array(positions[0] if flat else positions, f"{stem}_columns")
        nodes = [
            helper.make_node("Gather", [NUMBERS, chosen.name], [f"{stem}_block"], axis=1),
            helper.make_node("Cast", [f"{stem}_block"], [target], to=one.kind),
        ]
        return nodes, [chosen]

    def _note_unused(self) -> None:
        unused = [name for name in self._schema.names if name not in self._used]
        if unused and not self.differences:
            self.notes.append(f"The model does not use the features {', '.join(unused)}.")

    def _differ(self, difference: str) -> tuple[str, ...] | None:
        self.differences.append(difference)
        return None


def _feed_text(
    name: str, flat: bool, stem: str, target: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    if not flat:
        return [helper.make_node("Identity", [name], [target])], []
    shape = numpy_helper.from_array(np.array([-1], np.int64), f"{stem}_shape")
    return [helper.make_node("Reshape", [name, shape.name], [target])], [shape]


def kind_name(kind: int) -> str:
    """Return the name of an element type; a sequence, map or optional value has none."""
    if kind == TensorProto.UNDEFINED:
        return "not a tensor"
    return NUMERIC.get(kind) or TensorProto.DataType.Name(kind).lower()


def plain(name: str) -> str:
    """Return a name in lower case, with `_` for everything but letters and digits."""
    return re.sub(r"\W+", "_", name).strip("_").lower()
