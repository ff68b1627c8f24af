"""Comparing two models on the same folds or rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def within_one_standard_error(best: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether `other` is within one standard error of `best`, both scored on the same folds.

    The standard error is that of the paired differences (the one-standard-error rule of Breiman,
    Friedman, Olshen and Stone 1984, "Classification and Regression Trees", section 3.4.3). With
    one fold there is no standard error: `other` must be at least as good.
    """
    differences = np.subtract(best, other)
    if len(differences) == 1:
        return bool(differences[0] <= 0)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(differences.mean() <= error)


def unseen_rows(test: pa.Table, trained: pa.Array) -> pa.Table:
    """Return the rows of `test` (with `row_id` and `cluster`) that a model has not seen.

    `trained` holds the ids of the rows, and of their clusters, that the model was trained on. One
    seen row excludes its whole cluster of near duplicates.
    """
    seen = pc.or_(pc.is_in(test["row_id"], trained), pc.is_in(test["cluster"], trained))
    clusters = test["cluster"].filter(seen).combine_chunks()
    return test.filter(pc.invert(pc.is_in(test["cluster"], clusters)))
