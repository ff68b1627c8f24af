"""The numbers of logged answers, as the model saw them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from use_cases import UseCase, model_schema


def logged_block(
    use_case: UseCase, features: pa.Array | pa.ChunkedArray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of N logged answers and which of them are there, both [N, K].

    `model_schema(use_case).numbers` names the K columns. The numbers are float32, NaN where there
    is none. An answer with another number of features, given by another version of the use case,
    has none of them.

    Args:
        use_case: the use case that answered.
        features: the log's column `features`: a list of float32 per answer, or null.
    """
    width = len(model_schema(use_case).numbers)
    column = features.combine_chunks() if isinstance(features, pa.ChunkedArray) else features
    fits = pc.fill_null(pc.equal(pc.list_value_length(column), width), False)
    rows = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
    flat = column.filter(fits).flatten()
    values = np.full((len(column), width), np.nan, np.float32)
    values[rows] = flat.to_numpy(zero_copy_only=False).reshape(len(rows), width)
    present = np.zeros(values.shape, bool)
    present[rows] = flat.is_valid().to_numpy(zero_copy_only=False).reshape(len(rows), width)
    return values, present
