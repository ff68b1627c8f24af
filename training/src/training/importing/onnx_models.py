"""ONNX graphs of other tools: read, adapted to a use case, checked."""

import re
from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa
from google.protobuf.message import DecodeError, Message
from onnx import compose, helper

from platform_core.errors import InvalidData, ReleaseRefused
from platform_core.open_inference import NUMBERS, number_block
from scoring.graph import Graph
from training.importing.found import AdaptedModel, Declared, FoundModel
from training.importing.graph_inputs import feed_inputs
from training.importing.graph_outputs import ML, finish_outputs
from use_cases import UseCase, assemble, model_schema
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

PREFIX = "imported/"
OPSET = 18
# ONNX Runtime begins some messages with a C++ signature, which is longer than what they say.
_SOURCE_LINE = re.compile(r"/onnxruntime_src/\S+ .*?\) (?=[A-Z])")
ML_OPSET = 3


def read_graph(data: bytes, source: str) -> onnx.ModelProto:
    """Return the graph in the bytes of an ONNX file.

    Raises:
        InvalidData: it is not an ONNX file, or its weights are in external files.
    """
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise InvalidData(f"{source} is not an ONNX file: {error}") from error
    if not model.graph.node or not model.graph.output:
        raise InvalidData(f"{source} is not an ONNX file: it has no graph with an output")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise InvalidData(
            f"{source} stores its weights in external files; save it as a single file"
        )
    return model


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Yield all tensors of a model: those of attributes, subgraphs and functions as well."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in [value] if isinstance(value, Message) else value:
                yield from _tensors(one)


def adapt_graph(found: FoundModel, case: UseCase, declared: Declared) -> AdaptedModel:
    """Return the graph with the inputs and the output of a release, and its stamp.

    Raises:
        InvalidData: its inputs or outputs do not fit, or ONNX Runtime cannot run it.
    """
    if found.graph is None:
        raise TypeError(f"{found.kind} is not a graph")
    _load(found.graph.SerializeToString(), found.source)
    model = _prefixed(found.graph)
    schema = model_schema(case)
    notes = feed_inputs(model.graph, schema, found.columns, PREFIX)
    _import_operators(model)
    golden = assemble(case, case.golden_records())

    def run(name: str) -> np.ndarray:
        return _value(model, name, golden, found.source)

    notes += finish_outputs(model, case, declared, found.labels, run, PREFIX)
    _drop_zip_maps(model.graph)
    del model.graph.value_info[:]
    helper.set_model_props(model, {FEATURE_SCHEMA_KEY: feature_schema_hash(schema)})
    data = model.SerializeToString()
    try:
        Graph(data, schema, len(case.classes)).answers(golden)
    except ReleaseRefused as error:
        raise InvalidData(f"{found.source} cannot be served: {error}") from error
    return AdaptedModel(data, notes)


def _prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in which every name begins with PREFIX, so that none is one of ours.

    `compose.add_prefix` forgets the constants that a subgraph (of a Loop or If) takes from the
    graph around it, unless it is told their names.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    names = {one.name: f"{PREFIX}{one.name}" for one in copy.graph.initializer}
    compose.add_prefix_graph(copy.graph, PREFIX, inplace=True, name_map=names)
    return copy


def _drop_zip_maps(graph: onnx.GraphProto) -> None:
    """Remove the nodes that made sequences of maps; ONNX Runtime drops what else is unused."""
    kept = [node for node in graph.node if node.op_type != "ZipMap"]
    del graph.node[:]
    graph.node.extend(kept)


def _import_operators(model: onnx.ModelProto) -> None:
    """Declare the operator sets of added nodes if the graph lacks them."""
    used = {one.domain for one in model.opset_import}
    for domain, version in (("", OPSET), (ML, ML_OPSET)):
        if domain not in used and not (domain == "" and "ai.onnx" in used):
            model.opset_import.append(helper.make_opsetid(domain, version))


def _value(model: onnx.ModelProto, name: str, features: pa.RecordBatch, source: str) -> np.ndarray:
    """Return a tensor [N, …] that the graph computes for features of a use case."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.append(onnx.ValueInfoProto(name=name))
    session = _load(probe.SerializeToString(), source)
    wanted = {given.name for given in session.get_inputs()}
    feed = {
        column: np.array(features.column(column).to_pylist(), object)[:, None]
        for column in features.schema.names
        if column in wanted and column != NUMBERS
    }
    if NUMBERS in wanted:
        feed[NUMBERS] = number_block(features)
    try:
        return np.asarray(session.run([name], feed)[0])
    except Exception as error:  # ONNX Runtime raises a dozen types without a common base
        raise InvalidData(f"{source} cannot be run on records of the use case: {error}") from error


def _load(data: bytes, source: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise InvalidData(
            f"ONNX Runtime {ort.__version__} cannot load {source}, for example because it lacks an "
            f"operator: {_SOURCE_LINE.sub('', str(error)):.500}"
        ) from error
