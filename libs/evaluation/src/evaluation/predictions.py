"""Labels, predictions and probabilities of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from platform_core.errors import InvalidData


@dataclass(frozen=True)
class LabelledPredictions:
    """N predictions of one of C classes, with their labels.

    `labels` and `predictions` [N] are class numbers, `probabilities` [N, C] sum to 1 in each
    row. `positive` is the number of the positive class, `None` where all classes count alike.
    """

    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    positive: int | None

    @classmethod
    def from_arrow(
        cls,
        classes: Sequence[str],
        positive: str | None,
        labels: pa.Array,
        probabilities: NDArray[np.floating],
        predictions: pa.Array,
    ) -> LabelledPredictions:
        """Number the classes (string) of N rows and scale each row of `probabilities` to sum 1.

        Raises:
            InvalidData: the lengths differ, or a label or prediction is not in `classes`.
        """
        expected = (len(labels), len(classes))
        if len(predictions) != len(labels) or probabilities.shape != expected:
            raise InvalidData(
                f"{len(labels)} labels, {len(predictions)} predictions and probabilities of shape "
                f"{probabilities.shape} do not belong together; the shape should be {expected}"
            )
        scores = probabilities.astype(np.float64)
        return cls(
            labels=class_numbers(classes, labels),
            predictions=class_numbers(classes, predictions),
            probabilities=scores / scores.sum(axis=1, keepdims=True),
            positive=None if positive is None else list(classes).index(positive),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def confusion(self) -> NDArray[np.int64]:
        """Return the number of rows [C, C] by label, then by prediction."""
        classes = self.probabilities.shape[1]
        numbers = self.labels * classes + self.predictions
        return np.bincount(numbers, minlength=classes**2).reshape(classes, classes)

    def take(self, rows: NDArray[np.integer]) -> LabelledPredictions:
        """Return the rows with these numbers, in this order."""
        return replace(
            self,
            labels=self.labels[rows],
            predictions=self.predictions[rows],
            probabilities=self.probabilities[rows],
        )

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction [N] equals its label."""
        return np.equal(self.labels, self.predictions)

    @property
    def evaluated_classes(self) -> list[int]:
        """The positive class, or every class where none is positive."""
        return (
            list(range(self.probabilities.shape[1])) if self.positive is None else [self.positive]
        )


def class_numbers(classes: Sequence[str], values: pa.Array) -> NDArray[np.int64]:
    """Return the position in `classes` of each of N values (string).

    Raises:
        InvalidData: a value is not in `classes`.
    """
    numbers = pc.index_in(values.cast(pa.string()), pa.array(classes, pa.string()))
    if numbers.null_count:
        unknown = sorted({str(value) for value in values.filter(pc.is_null(numbers)).to_pylist()})
        raise InvalidData(f"{unknown[:3]} are not among the classes {', '.join(classes)}")
    return np.asarray(numbers.to_numpy(), np.int64)
