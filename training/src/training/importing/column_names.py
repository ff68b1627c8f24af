"""The columns of a fitted `ColumnTransformer` by name.

A graph takes its features by name. Positions, slices and masks count the columns of the data that
the transformer was fitted on, whose order need not be that of the use case's features.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

from platform_core.errors import InvalidInput


def with_column_names(fitted: ColumnTransformer, names: Sequence[str]) -> ColumnTransformer:
    """Return a copy that selects its columns by name, or `fitted` if it does.

    `names` are those of the features: they are the columns of data without names, in this order.

    Raises:
        InvalidInput: data without names had another number of columns.
    """
    if all(_by_name(columns) for _, _, columns in fitted.transformers_):
        return fitted
    seen = getattr(fitted, "feature_names_in_", None)
    if seen is None and fitted.n_features_in_ != len(names):
        raise InvalidInput(
            f"the model was fitted on {fitted.n_features_in_} columns without names, and the use "
            f"case has {len(names)} features: {', '.join(names)}"
        )
    known = pd.Index(names if seen is None else seen, dtype=object)
    named = copy.copy(fitted)
    named.transformers_ = [
        (name, transformer, _names(columns, known))
        for name, transformer, columns in fitted.transformers_
    ]
    return named


def _by_name(columns: Any) -> bool:
    if isinstance(columns, slice) or np.isscalar(columns):
        return isinstance(columns, str)
    return all(isinstance(one, str) for one in columns)


def _names(columns: Any, known: pd.Index) -> Any:
    """Return the names of selected columns; one name for a column that is not in a list."""
    if _by_name(columns):
        return columns
    if isinstance(columns, slice):
        by_label = isinstance(columns.start or columns.stop, str)
        return list(pd.Series(known, known).loc[columns] if by_label else known[columns])
    if isinstance(columns, int | np.integer):
        return known[int(columns)]
    return list(known.to_numpy()[np.asarray(columns)])
