"""Piecewise linear encoding of numbers (needs the `training` extra)."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

MIN_EDGES = 3


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Encodes a number by how far it is through each of its quantile bins (Gorishniy, Rubachev and
    Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning").

    The value for a bin from a to b is (x - a) / (b - a), at least 0 and at most 1, in float32 as in
    the graph. A linear model of these values is a piecewise linear function of x, constant beyond
    the smallest and the largest number of the fit. A column with fewer than two bins, such as one
    of 0 and 1, is left out.

    Args:
        pieces: the bins of a column, fewer where quantiles are equal.
    """

    def __init__(self, pieces: int = 4) -> None:
        self.pieces = pieces

    def fit(self, inputs: Any, labels: Any = None) -> Self:
        """Learn the bins of the columns of `inputs` [N, F], which must be finite."""
        del labels
        columns, starts, widths = [], [], []
        for number, values in enumerate(np.asarray(inputs, np.float32).T):
            places = np.linspace(0, 1, self.pieces + 1)
            edges = np.unique(np.quantile(values, places).astype(np.float32))
            if len(edges) >= MIN_EDGES:
                columns += [number] * (len(edges) - 1)
                starts += edges[:-1].tolist()
                widths += np.diff(edges).tolist()
        self.columns_ = np.array(columns, np.int64)
        self.starts_, self.widths_ = np.array(starts, np.float32), np.array(widths, np.float32)
        return self

    def transform(self, inputs: Any) -> np.ndarray:
        """Return the values [N, B] of all bins of all columns."""
        values = np.asarray(inputs, np.float32)[:, self.columns_]
        encoded: np.ndarray = (values - self.starts_) / self.widths_
        return np.clip(encoded, 0, 1, out=encoded)
