"""Population stability index, Jensen-Shannon distance and Kolmogorov-Smirnov test on counts."""

import numpy as np
from scipy import special

# Rows in an empty bin, so that the logarithm exists: the usual continuity correction for log ratios
# (Haldane 1956).
EMPTY_BIN = 0.5


def psi(expected_counts: np.ndarray, actual_counts: np.ndarray) -> float | None:
    """Return the population stability index of two histograms over the same bins.

    PSI = Σ (aᵢ - eᵢ) · ln(aᵢ / eᵢ) over bins i, with eᵢ and aᵢ the shares of the bin
    (Siddiqi 2006, "Credit Risk Scorecards"; it is Jeffreys' divergence, 1946). A bin that is
    empty on one side counts `EMPTY_BIN` rows there; bins that are empty on both sides are left
    out. `None` if one side has no rows.
    """
    expected, actual = _occupied(expected_counts, actual_counts)
    if not np.any(expected_counts) or not np.any(actual_counts):
        return None
    e = np.where(expected == 0, EMPTY_BIN, expected)
    a = np.where(actual == 0, EMPTY_BIN, actual)
    e, a = e / e.sum(), a / a.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def occupied_bins(expected_counts: np.ndarray, actual_counts: np.ndarray) -> int:
    """Return the number of bins that are not empty on both sides."""
    return len(_occupied(expected_counts, actual_counts)[0])


def psi_critical(bins: int, n: int, m: int, alpha: float) -> float:
    """Return the critical value of the PSI: the quantile 1 - `alpha` without drift.

    For samples of n and m rows over B bins, PSI / (1/n + 1/m) is asymptotically chi-square
    distributed with B - 1 degrees of freedom (Yurdakul 2018, "Statistical Properties of
    Population Stability Index"). It is 0 for one bin.
    """
    if bins <= 1:
        return 0.0
    return float(special.chdtri(bins - 1, alpha) * (1 / n + 1 / m))


def jensen_shannon(expected_counts: np.ndarray, actual_counts: np.ndarray) -> float | None:
    """Return the Jensen-Shannon distance of two histograms over the same bins, from 0 to 1.

    It is the root of the Jensen-Shannon divergence with base 2, the mean of the Kullback-Leibler
    divergences of both shares from their mean (Lin 1991, IEEE Trans. Inf. Theory 37; its root is
    a metric: Endres and Schindelin 2003, IEEE Trans. Inf. Theory 49). It exists for empty bins as
    well. `None` if one side has no rows.
    """
    if not np.any(expected_counts) or not np.any(actual_counts):
        return None
    e, a = np.asarray(expected_counts, float), np.asarray(actual_counts, float)
    e, a = e / e.sum(), a / a.sum()
    mean = (e + a) / 2
    divergence = np.sum(special.rel_entr(e, mean) + special.rel_entr(a, mean)) / 2
    return float(np.sqrt(max(divergence / np.log(2), 0)))


def ks_statistic(expected_cells: np.ndarray, actual_cells: np.ndarray) -> float | None:
    """Return the largest distance of two empirical distributions over the same cells.

    It is exact if every expected value has its own cell; with a grid of quantiles it is too small
    by at most the share between two of them. `None` if one side has no rows.
    """
    n, m = int(np.sum(expected_cells)), int(np.sum(actual_cells))
    if not n or not m:
        return None
    return float(np.abs(np.cumsum(expected_cells) / n - np.cumsum(actual_cells) / m).max())


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Return the p-value of a two-sample KS statistic of samples of n and m rows.

    It uses the limiting distribution (Kolmogorov 1933, Smirnov 1948) with the finite-sample
    correction of Stephens (1970, JRSS B 32), and is conservative for repeated values.
    """
    root = np.sqrt(n * m / (n + m))
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * statistic))


def ks_two_sample(
    expected_cells: np.ndarray, actual_cells: np.ndarray
) -> tuple[float, float] | None:
    """Return the KS statistic and its p-value, `None` if one side has no rows."""
    statistic = ks_statistic(expected_cells, actual_cells)
    if statistic is None:
        return None
    n, m = int(np.sum(expected_cells)), int(np.sum(actual_cells))
    return statistic, ks_p_value(statistic, n, m)


def _occupied(expected: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    expected, actual = np.asarray(expected, float), np.asarray(actual, float)
    used = (expected > 0) | (actual > 0)
    return expected[used], actual[used]
