"""A model as it was found, before it is adapted to a use case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx


@dataclass(frozen=True)
class FoundModel:
    """A model of another tool: an ONNX `graph` or a fitted `estimator`.

    `kind` names the format for people. `columns` are the names of its inputs in order, `labels`
    its classes in the order of its probabilities, each where the model or its signature names
    them. `sha256` is the hash of the file, `libraries` are the versions that it names.
    """

    source: str
    kind: str
    sha256: str
    graph: onnx.ModelProto | None = None
    estimator: Any = None
    columns: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Declared:
    """What the user declares about a model because its file does not say it.

    `logits`: its output are logits. `output` names the output to use, `classes` are the labels in
    the order of its columns.
    """

    logits: bool = False
    output: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AdaptedModel:
    """The ONNX graph that a release carries; `notes` are sentences about what was assumed."""

    graph: bytes
    notes: tuple[str, ...]
