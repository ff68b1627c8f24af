"""KServe's Python model server with REST and gRPC, and an ordinary gateway in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from kserve import InferInput, InferRequest
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferResponse

from platform_core.testing.processes import answers, free_port, running
from serving.endpoint import Endpoint, EndpointKind, from_field, from_v2
from serving.environments import PINS, python_of, version_of
from serving.peers import QUIET, START_SECONDS, plain_bodies, v2_bodies
from serving.subject import Subject
from serving.target import Target, http_target

METHOD = "/inference.GRPCInferenceService/ModelInfer"
INFER = "/v2/models/spam/infer"


class KServe:
    """Three endpoints, of which one is loaded at a time."""

    name = "kserve"
    names = ("kserve", "kserve-grpc", "fastapi-kserve")

    @contextmanager
    def serve(self, subject: Subject, folder: Path) -> Iterator[list[Endpoint]]:
        """Run the server and the gateway until the block ends."""
        rest, grpc, front = free_port(), free_port(), free_port()
        with (
            _server(rest, grpc, subject, folder) as server,
            _gateway(front, rest, folder) as gateway,
        ):
            pids, version = {"kserve": server}, version_of("kserve")
            rest_target = http_target(rest, INFER, v2_bodies(subject))
            grpc_target = Target("127.0.0.1", grpc, _messages(subject), METHOD)
            front_target = http_target(front, "/predict", plain_bodies(subject))
            both = {"gateway": gateway, **pids}
            yield [
                Endpoint(
                    "kserve",
                    f"KServe {version}, REST",
                    EndpointKind.PRODUCT,
                    rest_target,
                    pids,
                    from_v2,
                ),
                Endpoint(
                    "kserve-grpc",
                    f"KServe {version}, gRPC",
                    EndpointKind.PRODUCT,
                    grpc_target,
                    pids,
                    _read,
                ),
                Endpoint(
                    "fastapi-kserve",
                    "FastAPI gateway and KServe",
                    EndpointKind.CONTEXT,
                    front_target,
                    both,
                    from_field,
                ),
            ]


@contextmanager
def _server(rest: int, grpc: int, subject: Subject, folder: Path) -> Iterator[int]:
    script, python = str(PINS / "kserve_server.py"), str(python_of("kserve"))
    command = [python, script, str(rest), str(grpc), str(subject.model)]
    ready = partial(answers, rest, "/v2/models/spam/ready")
    with running(command, ready, folder / "kserve", QUIET, START_SECONDS) as process:
        yield process.pid


@contextmanager
def _gateway(port: int, upstream: int, folder: Path) -> Iterator[int]:
    script, python = str(PINS / "fastapi_gateway.py"), str(python_of("fastapi"))
    command = [python, script, str(port), f"http://127.0.0.1:{upstream}"]
    ready = partial(answers, port, "/docs")
    with running(command, ready, folder / "fastapi-kserve", QUIET, START_SECONDS) as process:
        yield process.pid


def _messages(subject: Subject) -> list[bytes]:
    return [
        _message(np.array([text.encode()], object), np.array([numbers], np.float32))
        for text, numbers in zip(subject.texts, subject.numbers, strict=True)
    ]


def _message(text: np.ndarray, numbers: np.ndarray) -> bytes:
    inputs = [InferInput("text", [1], "BYTES"), InferInput("numbers", list(numbers.shape), "FP32")]
    for tensor, values in zip(inputs, (text, numbers), strict=True):
        tensor.set_data_from_numpy(values, binary_data=True)
    return InferRequest("spam", inputs).to_grpc().SerializeToString()


def _read(body: bytes) -> float:
    response = ModelInferResponse.FromString(body)
    if response.raw_output_contents:
        return float(np.frombuffer(response.raw_output_contents[0], np.float32)[1])
    return response.outputs[0].contents.fp32_contents[1]
