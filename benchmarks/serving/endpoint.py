"""One endpoint: its address, its processes, and how its responses are parsed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from serving.target import Target


class EndpointKind(Enum):
    """The role of an endpoint in the comparison."""

    OURS = "ours"
    PRODUCT = "peer product"
    CONTEXT = "for context"
    FLOOR = "floor"


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint; `processes` are the roots of its process trees by name.

    `read` takes a body to the probability of spam; `expected` [N] are the probabilities where they
    are not those of the subject.
    """

    name: str
    title: str
    kind: EndpointKind
    target: Target
    processes: Mapping[str, int]
    read: Callable[[bytes], float]
    expected: np.ndarray | None = None


def from_field(body: bytes) -> float:
    """Read `{"spam_probability": p}`."""
    return json.loads(body)["spam_probability"]


def from_v2(body: bytes) -> float:
    """Read the first output [1, 2] of a V2 response."""
    return json.loads(body)["outputs"][0]["data"][1]
