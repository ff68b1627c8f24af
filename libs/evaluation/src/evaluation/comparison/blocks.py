"""From records that one release or the other answered, to blocks in which the two are compared.

A block ends with the candidate's first record after one of the stable release, so that a
candidate's answer is compared with the stable answers around it: what changes with time (traffic,
load) changes both. An unfinished last block is left out.
"""

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats


def block_differences(candidate: NDArray[np.bool_], losses: Floats) -> Floats:
    """Return one difference per block of consecutive records: the mean loss of the candidate's
    records minus that of the stable release's.

    `candidate` [N] says whose record each is, `losses` [N] how bad its answer was, both in the
    order of time.
    """
    starts, end = _blocks(candidate)
    if not len(starts):
        return np.empty(0)
    mine, losses = candidate[:end], losses[:end]
    return _means(mine, losses, starts) - _means(~mine, losses, starts)


def block_medians(candidate: NDArray[np.bool_], values: Floats) -> tuple[Floats, Floats]:
    """Return the medians of each block [B]: of the candidate's values, and of the stable release's.

    `candidate` [N] says whose each of the `values` [N] is, both in the order of time.
    """
    starts, end = _blocks(candidate)
    block = np.zeros(end, np.int64)
    block[starts[1:]] = 1
    block = np.cumsum(block)
    mine, values = candidate[:end], values[:end]
    return _medians(block[mine], values[mine]), _medians(block[~mine], values[~mine])


def _blocks(candidate: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Return the places at which blocks start, and the one after the last finished block."""
    ends = np.flatnonzero(candidate[1:] & ~candidate[:-1]) + 1
    if not len(ends):
        return np.empty(0, np.int64), 0
    return np.concatenate([[0], ends[:-1] + 1]), int(ends[-1]) + 1


def _means(members: NDArray[np.bool_], losses: Floats, starts: NDArray[np.int64]) -> Floats:
    """Return the mean loss of the members of each block."""
    sums: Floats = np.add.reduceat(np.where(members, losses, 0.0), starts)
    return sums / np.add.reduceat(members.astype(np.int64), starts)


def _medians(block: NDArray[np.int64], values: Floats) -> Floats:
    """Return the median of the values of each block; `block` [N] is increasing, without gaps."""
    ordered = values[np.lexsort((values, block))]
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    sizes = np.diff(starts, append=len(block))
    medians: Floats = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    return medians
