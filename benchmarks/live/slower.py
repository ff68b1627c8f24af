"""A release that gives the answers of another one and takes twice its service time.

The controller compares what the inference service reports: the time of a call without waiting for a
processor. A delay in front of the server would be no part of that, so the graph itself computes for
longer. It is an ordinary graph that `mlplatform import-model` takes.
"""

import statistics
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import onnx
from bench_report import note, say
from onnx import TensorProto, helper, numpy_helper

from live.stack import SPAM, LiveStack, mails
from platform_core.contracts.serving_state import model_name
from platform_core.open_inference import PROBABILITIES, RETURN_FEATURES, tensor_specs
from platform_core.open_inference.connections import SERVICE_TIME
from platform_core.storage import release_path

FACTOR, TOLERANCE = 2.0, 0.15
FIRST_ROUNDS, IMPORTS = 1000, 4
CALLS, PAUSE_SECONDS = 60, 0.1
"""Two releases in turn: each is called five times a second, as the canary will be."""


def slower_release(stack: LiveStack) -> str:
    """Import the graph of staging's release with more work until it takes twice the service time.

    Staging serves the same release afterwards as before.
    """
    own, rounds = stack.second, FIRST_ROUNDS
    graph = stack.platform.store.read(
        release_path(SPAM.name, own, "model", SPAM.name, "1", "model.onnx")
    )
    found: list[tuple[float, float, str]] = []
    for _ in range(IMPORTS):
        file = stack.policies.parent / "slower.onnx"
        file.write_bytes(with_more_work(graph, rounds))
        slow = _imported(stack, file)
        before, after = _service_ms(stack, (own, slow))
        stack.change("rollback", release_id=own)
        say(f"  {rounds} rounds of more work: service time {before:.3f} ms and {after:.3f} ms")
        found.append((before, after, slow))
        if abs(after / before - FACTOR) <= TOLERANCE:
            break
        rounds = max(1, round(rounds * (FACTOR - 1) * before / max(after - before, before / 10)))
    before, after, slow = min(found, key=lambda one: abs(one[1] / one[0] - FACTOR))
    note(
        f"2 x latency: the same graph with more work, service time {after:.3f} ms instead of "
        f"{before:.3f} ms, called five times a second"
    )
    return slow


def with_more_work(model: bytes, rounds: int) -> bytes:
    """Return the graph with its probabilities multiplied by the identity matrix `rounds` times."""
    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        node.output[:] = ["computed" if name == PROBABILITIES else name for name in node.output]
        node.input[:] = ["computed" if name == PROBABILITIES else name for name in node.input]
    graph.graph.initializer.append(numpy_helper.from_array(np.array(rounds, np.int64), "rounds"))
    inputs = ["rounds", "", "computed"]
    loop = helper.make_node("Loop", inputs, [PROBABILITIES], "more_work", body=_body())
    graph.graph.node.append(loop)
    return graph.SerializeToString()


def _body() -> onnx.GraphProto:
    def value(name: str, kind: int, *shape: int | None) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(shape))

    classes = len(SPAM.classes)
    nodes = [
        helper.make_node("Identity", ["goes_on"], ["goes_on_still"]),
        helper.make_node("MatMul", ["rows", "identity"], ["same_rows"]),
    ]
    inputs = [
        value("round", TensorProto.INT64),
        value("goes_on", TensorProto.BOOL),
        value("rows", TensorProto.FLOAT, None, classes),
    ]
    outputs = [
        value("goes_on_still", TensorProto.BOOL),
        value("same_rows", TensorProto.FLOAT, None, classes),
    ]
    identity = numpy_helper.from_array(np.eye(classes, dtype=np.float32), "identity")
    return helper.make_graph(nodes, "round", inputs, outputs, [identity])


def _imported(stack: LiveStack, file: Path) -> str:
    stack.platform.done("cli", "import-model", str(file), "--use-case", SPAM.name)
    return stack.platform.serves(SPAM.name, stack.environment)


def _service_ms(stack: LiveStack, releases: Sequence[str]) -> list[float]:
    """Return the median service time of releases that staging's server has loaded."""
    url = f"{stack.platform.settings['INFERENCE_URL_STAGING']}/v2/models"
    found: dict[str, list[int]] = {release: [] for release in releases}
    with httpx.Client(trust_env=False) as client:
        for mail, release in product(mails(CALLS), releases):
            body = {"inputs": _tensors(mail), "parameters": {RETURN_FEATURES: True}}
            time.sleep(PAUSE_SECONDS)
            response = client.post(f"{url}/{model_name(SPAM.name, release)}/infer", json=body)
            found[release].append(int(response.raise_for_status().headers[SERVICE_TIME]))
    return [statistics.median(each) / 1000 for each in found.values()]


def _tensors(mail: dict[str, str]) -> list[dict[str, object]]:
    return [
        {"name": one.name, "shape": [1], "datatype": one.datatype, "data": [mail[one.name]]}
        for one in tensor_specs(SPAM.record_schema)
    ]
