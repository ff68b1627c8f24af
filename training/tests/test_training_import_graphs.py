"""ONNX graphs of other tools, made by hand or by converters, and the graphs that releases get."""

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from platform_core.errors import InvalidData
from scoring.graph import Graph
from training.importing.found import Declared, FoundModel
from training.importing.onnx_models import adapt_graph, read_graph
from use_cases import assemble, model_schema, use_case

IRIS = use_case("iris")
NAMES = model_schema(IRIS).numbers
WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
ROWS = IRIS.training().generate(60, 3).combine_chunks()
RECORDS = ROWS.select(IRIS.record_schema.names).to_batches()[0]
FEATURES = assemble(IRIS, RECORDS)
FRAME = model_schema(IRIS).frame(FEATURES)
LABELS = ROWS[IRIS.training().label.column].to_pylist()


def found(graph: onnx.ModelProto, **given) -> FoundModel:
    return FoundModel("model.onnx", "ONNX", "0" * 64, graph=graph, **given)


def adapt(graph, case=IRIS, columns=None, **declared):
    return adapt_graph(found(graph, columns=columns), case, Declared(**declared))


def answers(graph: bytes, case=IRIS, features=FEATURES) -> np.ndarray:
    return Graph(graph, model_schema(case), len(case.classes)).answers(features)


def model(inputs, nodes, outputs, constants=(), opset=17) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "made", inputs, outputs, [numpy_helper.from_array(v, n) for n, v in constants]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


def block(kind=TensorProto.FLOAT, width=4, rows="n", softmax=True, out=TensorProto.FLOAT):
    """As PyTorch exports a linear layer: one block, one output without names of classes."""
    nodes = [
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["float", "w"], ["logits"]),
        helper.make_node("Softmax" if softmax else "Identity", ["logits"], ["raw"]),
        helper.make_node("Cast", ["raw"], ["out"], to=out),
    ]
    weights = WEIGHTS if width == 4 else np.ones((width, 3), np.float32)
    return model(
        [value("x", kind, rows, width)], nodes, [value("out", out, rows, 3)], [("w", weights)]
    )


def columns(names, kind=TensorProto.FLOAT, rank=2):
    """As TensorFlow exports a model of columns: one tensor per column."""
    shape = ["n", 1][:rank]
    nodes = []
    for number, name in enumerate(names):
        nodes.append(helper.make_node("Cast", [name], [f"f{number}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Reshape", [f"f{number}", "column"], [f"c{number}"]))
    nodes += [
        helper.make_node("Concat", [f"c{n}" for n in range(len(names))], ["all"], axis=1),
        helper.make_node("MatMul", ["all", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    constants = [("w", WEIGHTS), ("column", np.array([-1, 1], np.int64))]
    output = value("probabilities", TensorProto.FLOAT, "n", 3)
    return model([value(n, kind, *shape) for n in names], nodes, [output], constants)


def expected(values=None) -> np.ndarray:
    logits = (FRAME.to_numpy() if values is None else values) @ WEIGHTS
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fitted(labels=LABELS, model=None):
    return make_pipeline(StandardScaler(), model or LogisticRegression()).fit(
        FRAME.to_numpy(), labels
    )


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
@pytest.mark.parametrize("out", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_one_block_without_names(kind, out) -> None:
    adapted = adapt(block(kind, out=out))
    assert answers(adapted.graph) == pytest.approx(expected(), abs=1e-5)
    assert "does not name its columns" in adapted.notes[0]
    assert "does not name its classes" in adapted.notes[1]


def test_a_branch_that_takes_constants_of_the_whole_graph() -> None:
    """As PyTorch exports control flow: the graphs of an If see the names around it."""
    branches = {
        f"{word}_branch": helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], [word])],
            word,
            [],
            [value(word, TensorProto.FLOAT, "n", 3)],
        )
        for word in ("then", "else")
    }
    nodes = [
        helper.make_node("If", ["chosen"], ["logits"], **branches),
        helper.make_node("Softmax", ["logits"], ["out"]),
    ]
    graph = model(
        [value("x", TensorProto.FLOAT, "n", 4)],
        nodes,
        [value("out", TensorProto.FLOAT, "n", 3)],
        [("w", WEIGHTS), ("chosen", np.array(True))],
    )
    assert answers(adapt(graph).graph) == pytest.approx(expected(), abs=1e-5)


def test_whole_numbers_are_cast() -> None:
    values = np.trunc(FRAME.to_numpy())
    adapted = adapt(block(TensorProto.INT64))
    assert answers(adapted.graph) == pytest.approx(expected(values), abs=1e-5)
    assert "The input 'x' is int64: fractions are cut off." in adapted.notes


@pytest.mark.parametrize("rank", [1, 2])
def test_one_tensor_per_column_in_any_order_and_spelling(rank) -> None:
    names = [name.upper().replace("_", " ") for name in reversed(NAMES)]
    adapted = adapt(columns(names, TensorProto.DOUBLE, rank))
    assert answers(adapted.graph) == pytest.approx(expected(FRAME.to_numpy()[:, ::-1]), abs=1e-5)


def test_named_columns_of_a_block_are_put_in_its_order() -> None:
    adapted = adapt(block(), columns=tuple(reversed(NAMES)))
    assert answers(adapted.graph) == pytest.approx(expected(FRAME.to_numpy()[:, ::-1]), abs=1e-5)


def test_every_difference_of_the_inputs_is_named() -> None:
    graph = columns([*NAMES[:2], "age", "income"])
    with pytest.raises(InvalidData) as refused:
        adapt(graph)
    assert "'age'" in str(refused.value)
    assert "'income'" in str(refused.value)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (block(width=3), "takes 3 numbers, the use case has 4: sepal_length"),
        (block(rows=1), "fixed number of rows"),
        (block(softmax=False), "declare them with --logits"),
    ],
)
def test_graphs_that_do_not_fit(graph, reason) -> None:
    with pytest.raises(InvalidData, match=reason):
        adapt(graph)


def test_declared_logits() -> None:
    adapted = adapt(block(softmax=False), logits=True)
    assert answers(adapted.graph) == pytest.approx(expected(), abs=1e-5)


def test_declared_classes_give_the_order() -> None:
    adapted = adapt(block(), classes=tuple(reversed(IRIS.classes)))
    assert answers(adapted.graph) == pytest.approx(expected()[:, ::-1], abs=1e-5)
    with pytest.raises(InvalidData, match="unknown: rose; missing: setosa"):
        adapt(block(), classes=("rose", *IRIS.classes[1:]))


@pytest.mark.parametrize("zipmap", [False, True])
def test_a_converted_pipeline_with_labels_and_a_sequence_of_maps(zipmap) -> None:
    original = fitted()
    graph = to_onnx(
        original, initial_types=[("x", FloatTensorType([None, 4]))],
        options={id(original): {"zipmap": zipmap}}, target_opset={"": 18, "ai.onnx.ml": 3},
    )  # fmt: skip
    adapted = adapt(graph)
    order = [list(original.classes_).index(name) for name in IRIS.classes]
    wanted = original.predict_proba(FRAME.to_numpy())[:, order]
    assert answers(adapted.graph) == pytest.approx(wanted, abs=1e-5)
    assert not [note for note in adapted.notes if "classes" in note]


@pytest.mark.parametrize("labels", [LABELS, [IRIS.classes.index(name) for name in LABELS]])
def test_a_model_that_gives_labels_only(labels) -> None:
    original = fitted(labels, DecisionTreeClassifier(max_depth=3, random_state=0))
    graph = to_onnx(
        original, initial_types=[("x", FloatTensorType([None, 4]))],
        options={id(original): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3},
    )  # fmt: skip
    del graph.graph.output[1:]
    declared = {} if labels is LABELS else {"classes": ("0", "1", "2")}
    if declared:
        with pytest.raises(InvalidData, match="unknown: 0, 1, 2"):
            adapt(graph, **declared)
        return
    adapted = adapt(graph)
    given = answers(adapted.graph)
    names = np.array(IRIS.classes)[given.argmax(axis=1)]
    assert names.tolist() == original.predict(FRAME.to_numpy()).tolist()
    assert set(given.ravel().tolist()) == {0.0, 1.0}
    assert "no probabilities" in adapted.notes[-1]


def mapped(labels) -> onnx.ModelProto:
    """A sequence of maps with these labels."""
    graph = block()
    zipped = helper.make_node(
        "ZipMap", ["out"], ["map"], domain="ai.onnx.ml", classlabels_strings=labels
    )
    graph.graph.node.append(zipped)
    graph.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    entry = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    listed = helper.make_sequence_type_proto(entry)
    graph.graph.output[0].CopyFrom(helper.make_value_info("map", listed))
    return graph


def sequence() -> onnx.ModelProto:
    graph = block()
    graph.graph.node.append(helper.make_node("SequenceConstruct", ["out"], ["list"]))
    graph.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("list", 1, None))
    return graph


def newer() -> onnx.ModelProto:
    graph = block()
    graph.opset_import[0].version = 99
    return graph


@pytest.mark.parametrize(
    ("graph", "declared", "reason"),
    [
        (sequence(), {}, r"no output of the model is numbers or labels: 'list' \(not a tensor"),
        (sequence(), {"output": "list"}, "the output is neither numbers nor labels: 'list'"),
        (block(out=TensorProto.BFLOAT16), {}, r"'out' \(bfloat16\)"),
        (block(out=TensorProto.INT64), {}, r"the labels have the shape \[3, 3\]"),
        (block(TensorProto.UINT8), {}, r"'x' \(uint8 \[N, 4\]\) has a type"),
        (mapped([b"setosa", b"\xff", b"virginica"]), {}, r"unknown: \\xff; missing: versicolor"),
        (mapped([*IRIS.classes, "setosa"]), {}, "more than once: setosa"),
        (newer(), {}, "Opset 99 is"),
    ],
)
def test_an_output_that_does_not_fit_is_named(graph, declared, reason) -> None:
    with pytest.raises(InvalidData, match=reason):
        adapt(graph, **declared)


def test_probabilities_given_twice_are_one_output() -> None:
    graph = mapped(list(IRIS.classes))
    graph.graph.output.append(value("out", TensorProto.FLOAT, "n", 3))
    assert answers(adapt(graph).graph) == pytest.approx(expected(), abs=1e-5)


def test_an_operator_that_the_runtime_lacks_is_named() -> None:
    graph = block()
    graph.graph.node[1].op_type = "MatMulOfTheFuture"
    with pytest.raises(InvalidData, match="MatMulOfTheFuture"):
        adapt(graph)


@pytest.mark.parametrize("data", [b"", b"no graph at all", b"\x08\x09"])
def test_a_file_without_a_graph_is_refused(data) -> None:
    with pytest.raises(InvalidData, match="is not an ONNX file"):
        read_graph(data, "model.onnx")


def external() -> TensorProto:
    """Return a tensor whose values are in a file of the working directory."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def branch(name: str) -> onnx.GraphProto:
    nodes = [helper.make_node("Identity", ["w"], [name])]
    outputs = [value(name, TensorProto.FLOAT, 2)]
    return helper.make_graph(nodes, name, [], outputs, [external()])


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Constant", [], ["out"], value=external()),
        helper.make_node("If", ["x"], ["out"], then_branch=branch("a"), else_branch=branch("b")),
    ],
    ids=["attribute", "subgraph"],
)
def test_weights_in_other_files_are_refused_wherever_they_are(node) -> None:
    graph = model([value("x", TensorProto.BOOL)], [node], [value("out", TensorProto.FLOAT, 2)])
    with pytest.raises(InvalidData, match="stores its weights in external files"):
        read_graph(graph.SerializeToString(), "model.onnx")


def test_unused_features_are_noted() -> None:
    nodes = [
        helper.make_node("Concat", ["a", "a", "b"], ["all"], axis=1),
        helper.make_node("Softmax", ["all"], ["p"]),
    ]
    inputs = [value("a", TensorProto.FLOAT, "n", 1), value("b", TensorProto.FLOAT, "n", 1)]
    graph = model(inputs, nodes, [value("p", TensorProto.FLOAT, "n", 3)])
    for one, name in zip(graph.graph.input, NAMES[:2], strict=True):
        for node in graph.graph.node:
            renamed = [name if given == one.name else given for given in node.input]
            del node.input[:]
            node.input.extend(renamed)
        one.name = name
    adapted = adapt(graph)
    assert f"does not use the features {NAMES[2]}, {NAMES[3]}" in " ".join(adapted.notes)
    assert answers(adapted.graph).shape == (60, 3)


def test_the_answers_of_a_release_do_not_depend_on_the_names_of_the_graph() -> None:
    graph = block()
    for tensor in (*graph.graph.input, *graph.graph.output):
        tensor.name = "numbers" if tensor.name == "x" else "probabilities"
    graph.graph.node[0].input[0] = "numbers"
    graph.graph.node[-1].output[0] = "probabilities"
    assert answers(adapt(graph).graph) == pytest.approx(expected(), abs=1e-5)


def test_int64_columns_and_arrow_records() -> None:
    batch = pa.RecordBatch.from_arrays(RECORDS.columns, names=RECORDS.schema.names)
    assert batch.num_rows == 60
    original = fitted()
    graph = to_onnx(
        original, initial_types=[("x", Int64TensorType([None, 4]))],
        options={id(original): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3},
    )  # fmt: skip
    given = answers(adapt(graph).graph)
    order = [list(original.classes_).index(name) for name in IRIS.classes]
    wanted = original.predict_proba(np.trunc(FRAME.to_numpy()))[:, order]
    assert given == pytest.approx(wanted, abs=1e-5)
