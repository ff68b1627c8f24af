"""The minimum cost of a response: FastAPI with a constant, plus ONNX Runtime alone."""

import json
from pathlib import Path

from serving.endpoint import EndpointKind
from serving.environments import PINS, python_of
from serving.peers import QUIET, Peer, plain_bodies, script
from serving.processes import MICROSECONDS, run_pinned
from serving.subject import Subject

CONSTANT = Peer(
    "constant",
    "a constant from FastAPI",
    "fastapi",
    script("fastapi_constant.py"),
    "/predict",
    plain_bodies,
    kind=EndpointKind.FLOOR,
)


def onnx_runtime_alone(subject: Subject, folder: Path, seconds: float) -> float:
    """Return CPU microseconds per row of the graph in a loop on one core."""
    inputs = folder / "inputs.json"
    if not inputs.exists():
        inputs.write_text(json.dumps(list(zip(subject.texts, subject.numbers, strict=True))))
    command = [str(python_of("fastapi")), str(PINS / "onnx_loop.py"), str(subject.model)]
    output = json.loads(run_pinned([*command, str(inputs), str(seconds)], QUIET))
    return MICROSECONDS * output["cpu_seconds"] / output["rows"]
