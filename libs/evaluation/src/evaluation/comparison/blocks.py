"""From records that one release or the other answered, to differences between the two."""

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats


def block_differences(candidate: NDArray[np.bool_], losses: Floats) -> Floats:
    """Return one difference per block of consecutive records: the mean loss of the candidate's
    records minus that of the stable release's.

    `candidate` [N] says whose record each is, `losses` [N] how bad its answer was, both in the
    order of time. A block ends with the candidate's first record after one of the stable release,
    so that a candidate's answer is compared with the stable answers around it: what changes with
    time (traffic, load) changes both. An unfinished last block is left out.
    """
    ends = np.flatnonzero(candidate[1:] & ~candidate[:-1]) + 1
    if not len(ends):
        return np.empty(0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    finished = slice(0, ends[-1] + 1)
    mine, losses = candidate[finished], losses[finished]
    return _means(mine, losses, starts) - _means(~mine, losses, starts)


def _means(members: NDArray[np.bool_], losses: Floats, starts: NDArray[np.int64]) -> Floats:
    """Return the mean loss of the members of each block."""
    sums: Floats = np.add.reduceat(np.where(members, losses, 0.0), starts)
    return sums / np.add.reduceat(members.astype(np.int64), starts)
