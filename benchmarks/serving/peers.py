"""The peers: their commands, addresses and requests."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from platform_core.testing.machine import child_environment
from platform_core.testing.processes import answers, free_port, running
from serving.endpoint import Endpoint, EndpointKind, from_field, from_v2
from serving.environments import PINS, python_of, version_of
from serving.subject import Subject
from serving.target import http_target

START_SECONDS = 180
QUIET = {"DO_NOT_TRACK": "1", "PYTHONPATH": str(PINS)}


@dataclass(frozen=True)
class Place:
    """The arguments of a peer's command: the interpreter, the graph, a folder, its port."""

    python: Path
    model: Path
    folder: Path
    port: int


@dataclass(frozen=True)
class Peer:
    """A server to compare with, in the environment `pins`."""

    name: str
    title: str
    pins: str
    command: Callable[[Place], Sequence[str]]
    path: str
    bodies: Callable[[Subject], Sequence[Any]]
    read: Callable[[bytes], float] = from_field
    kind: EndpointKind = EndpointKind.PRODUCT
    ready: str = "/docs"
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its endpoints."""
        return (self.name,)

    @contextmanager
    def serve(self, subject: Subject, folder: Path) -> Iterator[list[Endpoint]]:
        """Run the peer until the block ends."""
        place = Place(python_of(self.pins), subject.model, folder / self.name, free_port())
        place.folder.mkdir()
        ready = partial(answers, place.port, self.ready)
        environment = {**QUIET, **self.environment}
        environment |= {"RAY_TMPDIR": str(folder)}  # Unix sockets need a short path
        with running(
            self.command(place), ready, place.folder, environment, START_SECONDS
        ) as process:
            target = http_target(place.port, self.path, self.bodies(subject))
            title, processes = f"{self.title} {version_of(self.pins)}", {self.name: process.pid}
            yield [Endpoint(self.name, title, self.kind, target, processes, self.read)]


def plain_bodies(subject: Subject) -> list[Any]:
    """Return the graph's inputs as two fields."""
    rows = zip(subject.texts, subject.numbers, strict=True)
    return [{"text": text, "numbers": numbers} for text, numbers in rows]


def v2_bodies(subject: Subject) -> list[Any]:
    """Return the graph's inputs as two tensors of the Open Inference Protocol."""
    return [
        {
            "inputs": [
                {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]},
                {"name": "numbers", "datatype": "FP32", "shape": [1, len(row)], "data": row},
            ]
        }
        for text, row in zip(subject.texts, subject.numbers, strict=True)
    ]


def script(name: str) -> Callable[[Place], Sequence[str]]:
    """Return the command of a script that takes port and graph."""
    return lambda place: [str(place.python), str(PINS / name), str(place.port), str(place.model)]


def _mlserver(place: Place) -> Sequence[str]:
    server = {
        "host": "127.0.0.1",
        "http_port": place.port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    model = {
        "name": "spam",
        "implementation": "mlserver_model.Spam",
        "parameters": {"uri": str(place.model)},
    }
    (place.folder / "settings.json").write_text(json.dumps(server))
    (place.folder / "model-settings.json").write_text(json.dumps(model))
    return [str(place.python.parent / "mlserver"), "start", str(place.folder)]


def _bentoml(place: Place) -> Sequence[str]:
    program, service = str(place.python.parent / "bentoml"), "bentoml_service:Spam"
    options = ["--host", "127.0.0.1", "--port", str(place.port), "--arg", f"model={place.model}"]
    return [program, "serve", service, "--working-dir", str(PINS), *options]


def _mlflow(place: Place) -> Sequence[str]:
    model, program = place.folder / "model", str(PINS / "mlflow_model.py")
    save = [str(place.python), program, str(place.model), str(model)]
    subprocess.run(save, check=True, capture_output=True, env=child_environment(QUIET))
    serve = ["models", "serve", "-m", str(model), "--env-manager", "local", "--workers", "1"]
    address = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [str(place.python.parent / "mlflow"), *serve, *address]


def _frames(subject: Subject) -> list[Any]:
    """Return the graph's inputs as the split data frames of MLflow's scoring protocol."""
    columns = ["text", "numbers"]
    rows = zip(subject.texts, subject.numbers, strict=True)
    return [{"dataframe_split": {"columns": columns, "data": [list(row)]}} for row in rows]


def _prediction(body: bytes) -> float:
    return json.loads(body)["predictions"][0]


PEERS = (
    Peer(
        "mlserver", "MLServer", "mlserver", _mlserver, "/v2/models/spam/infer", v2_bodies, from_v2,
        ready="/v2/models/spam/ready",
    ),
    Peer(
        "litserve", "LitServe", "litserve", script("litserve_server.py"), "/predict", plain_bodies,
    ),
    Peer("bentoml", "BentoML", "bentoml", _bentoml, "/predict", plain_bodies, ready="/readyz"),
    Peer(
        "mlflow", "MLflow", "mlflow", _mlflow, "/invocations", _frames, _prediction,
        ready="/ping",
    ),
    Peer(
        "ray", "Ray Serve", "ray", script("ray_serve.py"), "/", plain_bodies, ready="/-/healthz",
        environment={"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
    ),
    Peer(
        "fastapi", "ONNX Runtime in plain FastAPI", "fastapi", script("fastapi_onnx.py"),
        "/predict", plain_bodies, kind=EndpointKind.CONTEXT,
    ),
)  # fmt: skip
