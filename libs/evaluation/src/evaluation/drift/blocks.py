"""Counts of consecutive rows, and how much their dependence widens the error of a share."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from evaluation.curves import Floats

BLOCKS = 20
# Significance at which rows count as dependent.
DEPENDENT = 0.05


@dataclass
class BlockCounts:
    """Counts per bin of 20 to 40 blocks of consecutive rows, [40, bins], whatever their number.

    When the blocks are used up, each two become one and their size doubles, so that a stream of
    unknown length needs constant memory.
    """

    bins: int
    rows: int = 0
    size: int = 1
    counts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((2 * BLOCKS, self.bins), np.int64)

    def slices(self, rows: int) -> Iterator[slice]:
        """Yield the next `rows` rows in parts that each belong to one block, for `add`."""
        while self.rows + rows > self.size * len(self.counts):
            pairs = self.counts.reshape(BLOCKS, 2, self.bins).sum(axis=1)
            self.counts = np.concatenate([pairs, np.zeros_like(pairs)])
            self.size *= 2
        done = 0
        while done < rows:
            stop = min(rows, done + self.size - self.rows % self.size)
            yield slice(done, stop)
            self.rows += stop - done
            done = stop

    def add(self, counts: np.ndarray) -> None:
        """Count the rows of the slice that was yielded last, [bins]; missing values are absent."""
        self.counts[self.rows // self.size] += counts


def design_effect(events: np.ndarray, rows: np.ndarray) -> float:
    """Return the design effect of shares in dependent rows, 1 where nothing varies.

    `events` [blocks, K] and `rows` [blocks] are counts of blocks of consecutive rows. Rows may
    depend on each other within a block, and blocks must not depend on each other: a stream must
    forget within one block, a 20th to a 40th of the window. The design effect is the ratio of the
    variance between blocks to that of as many independent rows (Kish 1965, "Survey Sampling"),

        deff = B / (B - 1) sum_j sum_k (x_jk - n_j p_k)^2 / sum_k n p_k (1 - p_k)

    with the mean over the events weighted by their variances, the first-order correction of
    chi-square tests by Rao and Scott 1981 (JASA 76). A sample of n rows is worth n / deff. With
    around 30 blocks its standard error is around a quarter of it: see `pooled_design_effect`.
    """
    used = rows > 0
    x, n = np.asarray(events, np.float64)[used], np.asarray(rows, np.float64)[used]
    total, blocks = n.sum(), len(n)
    if blocks < 2:  # noqa: PLR2004
        return 1.0
    shares = x.sum(axis=0) / total
    independent = float(np.sum(total * shares * (1 - shares)))
    if not independent > 0:
        return 1.0
    between: Floats = x - n[:, None] * shares
    return float(blocks / (blocks - 1) * np.sum(between**2) / independent)


def pooled_design_effect(effects: Floats, rows: Floats) -> Floats:
    """Return the design effect over T windows, [...], from those of the windows, [T, ...].

    It is their mean weighted by `rows`, and 1 unless that is significant: for independent rows, the
    mean times its degrees of freedom, at least 19 for each window, is about chi-square distributed
    (the variance test of Cochran 1954, Biometrics 10). Noise of a single window would otherwise
    cost power. A dependence that is missed in one window is noticed within a few.
    """
    total = np.maximum(np.sum(rows, axis=0), 1)
    mean = np.sum(effects * rows, axis=0) / total
    freedom = np.maximum(np.sum(np.asarray(rows) > 0, axis=0), 1) * (BLOCKS - 1)
    return np.asarray(np.where(mean > special.chdtri(freedom, DEPENDENT) / freedom, mean, 1.0))
