"""Measured results."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from serving.cells import Cell


@dataclass(frozen=True)
class Plan:
    """What is measured: cells of `seconds` for each number of clients, in rounds."""

    clients: Sequence[int]
    rounds: int
    seconds: float


@dataclass
class Results:
    """The cells by endpoint and clients.

    `graph` are microseconds per row of ONNX Runtime alone; `answers` is how often our own path
    answered, the warm-up included.
    """

    cells: dict[tuple[str, int], list[Cell]] = field(default_factory=dict)
    graph: list[float] = field(default_factory=list)
    answers: int = 0
