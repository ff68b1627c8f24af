"""Evidence that the share of an event differs from its share in the baseline."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from evaluation.curves import Floats

# Keeps shares off 0 and 1, and numbers under a root positive.
TINY = 1e-12


@dataclass(frozen=True)
class Shift:
    """How far a share has moved beyond the tolerance, in either direction.

    `z` is the signed root of the likelihood ratio, positive only beyond the tolerance, and
    `variance` that of the difference of both shares at the tolerance.
    """

    z: Floats
    variance: Floats


def shift_evidence(
    baseline: Floats, baseline_rows: Floats, live: Floats, live_rows: Floats, *,
    tolerance: float, spread: float,
) -> Floats:  # fmt: skip
    """Return the natural logarithm of an e-value against "the share is within the tolerance".

    `baseline` of `baseline_rows` rows and `live` of `live_rows` rows belong to the event; the
    arrays broadcast. Rows may be fractions: effective numbers of rows. The null hypothesis is
    |q - p| <= `tolerance` for the unknown shares p behind the baseline and q behind the traffic.
    Both samples have an error, and both are counted, the baseline's only once however many windows
    are compared with it: the difference D of both observed shares has the variance
    V = p(1 - p) / m + q(1 - q) / n, whose first part does not shrink with time.

    For one direction, with the distance y = D - `tolerance` and z = y / sqrt(V), the e-value is the
    likelihood ratio of y mixed over a half-normal distribution of the true excess with the scale s
    (`spread`):

        E = 2 sqrt(V / (V + s^2)) exp(r z^2 / 2) Phi(z sqrt(r)),  r = s^2 / (V + s^2)

    (Robbins 1970, "Statistical methods related to the law of the iterated logarithm", Ann. Math.
    Stat. 41; the one-sided normal mixture of Howard, Ramdas, McAuliffe and Sekhon 2021,
    "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49, section 3.2).
    D given everything seen before is the maximal invariant under a common shift of p and q, so E
    over growing traffic is a test supermartingale whose first observation includes the baseline:
    the probability that it ever exceeds 1 / a is at most a (Ville 1939). It holds while q moves
    within the tolerance, because E increases with D. An E whose D is within the tolerance is set
    to 0, which can only lower it. The result is the logarithm of the mean over both directions.

    z is the signed root of the likelihood ratio of two binomial samples, whose tail is close to
    normal for rare events as well; its restricted estimate is that of Farrington and Manning 1990
    (Stat. Med. 9, 1447). Validity is therefore asymptotic in the rows of the first window
    (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and
    asymptotic confidence sequences", Ann. Stat. 52); the benchmark `decisions` measures it at 200
    rows.
    """
    b, m, x, n = np.broadcast_arrays(*np.atleast_1d(baseline, baseline_rows, live, live_rows))
    rises = _log_mixture(_shift(b, m, x, n, tolerance), spread)
    falls = _log_mixture(_shift(m - b, m, n - x, n, tolerance), spread)
    return np.asarray(np.logaddexp(rises, falls) - np.log(2))


def _log_mixture(shift: Shift, spread: float) -> Floats:
    share = spread**2 / (shift.variance + spread**2)
    logarithm = (
        np.log(2)
        + 0.5 * np.log1p(-share)
        + 0.5 * share * shift.z**2
        + special.log_ndtr(shift.z * np.sqrt(share))
    )
    return np.asarray(np.where(shift.z > 0, logarithm, -np.inf))


def _shift(b: Floats, m: Floats, x: Floats, n: Floats, tolerance: float) -> Shift:
    """Return how far the share x / n is above b / m + `tolerance`."""
    z, variance = np.zeros(b.shape), np.ones(b.shape)
    beyond = x / n - b / m > tolerance  # the others need no estimate
    b, m, x, n = b[beyond], m[beyond], x[beyond], n[beyond]
    p = _restricted_share(b, m, x, n, tolerance)
    q = p + tolerance
    deviance = _deviance(b, m, p) + _deviance(x, n, q)
    z[beyond] = np.sqrt(np.maximum(deviance, 0))
    variance[beyond] = p * (1 - p) / m + q * (1 - q) / n
    return Shift(z, variance)


def _restricted_share(b: Floats, m: Floats, x: Floats, n: Floats, tolerance: float) -> Floats:
    """Return the p that maximises the likelihood of b of m and x of n with q = p + `tolerance`:
    the root of a cubic equation in q (Farrington and Manning 1990, appendix).
    """
    observed, reference, ratio, d = x / n, b / m, m / n, tolerance
    cubic = 1 + ratio
    square = -(1 + ratio + observed + ratio * reference + d * (ratio + 2)) / cubic
    linear = (d**2 + d * (2 * observed + ratio + 1) + observed + ratio * reference) / cubic
    constant = -observed * d * (1 + d) / cubic
    v = square**3 / 27 - square * linear / 6 + constant / 2
    u = np.copysign(np.sqrt(np.maximum(square**2 / 9 - linear / 3, TINY)), v)
    angle = (np.pi + np.arccos(np.clip(v / u**3, -1, 1))) / 3
    q = 2 * u * np.cos(angle) - square / 3
    return np.asarray(np.clip(q - d, TINY, 1 - d - TINY))


def _deviance(k: Floats, n: Floats, share: Floats) -> Floats:
    """Return twice the log likelihood ratio of k of n rows at k / n and at `share`."""
    hits = special.xlogy(k, k / (n * share))
    misses = special.xlogy(n - k, (n - k) / (n * (1 - share)))
    return np.asarray(2 * (hits + misses))
