"""Folds of a cross-validation that keep near duplicates and groups together."""

import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from platform_core.errors import InvalidData
from training.search.sources import source_folds
from training.search.trials import Fold
from use_cases import UseCase

FOLDS = 3


def folds(case: UseCase, features: pa.Table, seed: int) -> list[Fold]:
    """Return row numbers to fit on and to judge on, once per fold.

    `features` has `label` and `cluster`. Every row is judged once. Rows of several sources
    (`origin`) are judged by models that have not seen their source, see `source_folds`. Otherwise
    the classes' shares are about those of all rows; where labels are numbers, folds are random. No
    near duplicates and no group of `case.fold_groups` lie on both sides.

    Raises:
        InvalidData: the groups leave a side of a fold without rows, or without one of the classes.
    """
    if by_source := source_folds(case, features):
        return by_source
    labels = np.asarray(features["label"].to_pylist())
    if case.task == "regression":
        return _unstratified(case, features, seed)
    together = groups(features["cluster"], case.training().fold_groups(features))
    _check(case, labels, together)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Too few rows of a class: `_impossible` says so, with what to do.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        made = list(splitter.split(labels, labels, together))
    for side in (labels[rows] for fold in made for rows in fold):
        absent = sorted(set(case.classes) - set(side.tolist()))
        if absent:
            raise _impossible(case, absent[0], "they cannot be spread over the folds")
    return made


def _unstratified(case: UseCase, features: pa.Table, seed: int) -> list[Fold]:
    together = groups(features["cluster"], case.training().fold_groups(features))
    if (count := len(np.unique(together))) < FOLDS:
        raise InvalidData(
            f"cross-validation of {case.name} needs {FOLDS} folds, and near duplicates and rows of "
            f"one group stay together: the training rows form only {count} groups; give more "
            "independent rows, or smaller groups (`fold_groups` of the use case)"
        )
    return list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(together, groups=together))


def groups(*groupings: pa.ChunkedArray | pa.Array | None) -> np.ndarray:
    """Return a group number per row so that rows that share a value in any of `groupings`
    share the number, directly or through others. A null is never shared.
    """
    given = [grouping for grouping in groupings if grouping is not None]
    rows, values = map(np.concatenate, zip(*_row_values(given), strict=True))
    size = max(len(given[0]), values.max(initial=-1) + 1)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, values)), shape=(size, size))
    numbers: np.ndarray = connected_components(graph, directed=False)[1]
    return numbers[: len(given[0])]


def _row_values(
    groupings: list[pa.ChunkedArray | pa.Array],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, per grouping, rows and the nodes of their values; rows are the first nodes."""
    first = len(groupings[0])
    for grouping in groupings:
        flat = grouping.combine_chunks() if isinstance(grouping, pa.ChunkedArray) else grouping
        encoded = flat.dictionary_encode()
        known = np.flatnonzero(flat.is_valid().to_numpy(zero_copy_only=False))
        codes = encoded.indices.drop_null().to_numpy()
        yield known, codes.astype(np.int64) + first
        first += len(encoded.dictionary)


def _check(case: UseCase, labels: np.ndarray, together: np.ndarray) -> None:
    for name in case.classes:
        count = len(np.unique(together[labels == name]))
        if count < FOLDS:
            raise _impossible(case, name, f"its training rows form only {count} groups")


def _impossible(case: UseCase, name: str, why: str) -> InvalidData:
    return InvalidData(
        f"cross-validation of {case.name} needs class {name} on both sides of each of {FOLDS} "
        f"folds, and near duplicates and rows of one group stay together: {why}; give more "
        f"independent rows of {name}, or smaller groups (`fold_groups` of the use case)"
    )
