"""Compare a model's ONNX graph with the model on real rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from training.search.models import Array, answers, candidate, graph_answers
from use_cases import UseCase

# With more rows the largest difference hardly grows, and every trial is compared.
MOST_ROWS = 1_000


@dataclass(frozen=True)
class Parity:
    """The largest difference between graph and model over `rows` rows, and the allowed one;
    `problem` says why there is no graph to compare.
    """

    rows: int
    largest: float
    allowed: float
    problem: str | None = None

    @property
    def excluded(self) -> str | None:
        """The reason why the model may not win, or `None`."""
        if self.problem is not None:
            return f"it has no ONNX graph: {self.problem}"
        if self.largest <= self.allowed:
            return None
        return (
            f"its ONNX graph differs from the model by {self.largest:.2e} on {self.rows:,} rows "
            f"outside the fit; {self.allowed:.0e} is allowed"
        )


def compared(case: UseCase, name: str, model: Any, rows: pa.Table) -> Parity:
    """Compare the fitted model of candidate `name` with its graph on rows outside its fit."""
    some = rows.slice(0, MOST_ROWS)
    allowed = case.training().gates.parity
    try:
        graph = candidate(case, name).to_onnx(model).SerializeToString()
        actual = graph_answers(case, graph, some)
    except Exception as error:  # converters and ONNX Runtime raise dozens of types
        return Parity(0, np.inf, allowed, f"{type(error).__name__}: {_first_line(error)}")
    largest = largest_difference(case, answers(case, model, some), actual)
    return Parity(some.num_rows, largest, allowed)


def largest_difference(case: UseCase, expected: Array, actual: Array) -> float:
    """Return the largest difference between the answers of a graph and its model: absolute for
    probabilities, relative for numbers above 1.
    """
    difference = np.abs(expected - actual)
    if not case.classes:
        difference /= np.maximum(1, np.abs(expected))
    return float(difference.max(initial=0.0))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no message").splitlines()[0]
