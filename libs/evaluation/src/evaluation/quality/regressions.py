"""Logistic regressions whose coefficients change from window to window by an unknown amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from evaluation.curves import Floats

STEPS, HALVINGS, SMALLEST_STEP = 50, 20, 1e-8
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Counts:
    """Labelled rows of K classes in B bins each: `design` [K, B, P], `rows` and `hits` [K, B]."""

    design: Floats
    rows: Floats
    hits: Floats


@dataclass(frozen=True)
class ChangingRegressions:
    """The coefficients of K logistic regressions, under each of G speeds of their change.

    `means` [G, K, P] and `covariances` [G, K, P, P] describe a normal distribution for each speed;
    `evidence` [G] is the log marginal likelihood of all rows that were seen.

    Between windows a coefficient changes by a normal step. The variance of the step is unknown:
    several are followed at the same time and weighted by how well each predicted the rows of each
    window from the windows before it. Source: West, Harrison and Migon 1985, "Dynamic generalized
    linear models and Bayesian forecasting", JASA 80, with the posterior of a window approximated at
    its mode (Laplace); Hoeting, Madigan, Raftery and Volinsky 1999, "Bayesian model averaging: a
    tutorial", Statistical Science 14.
    """

    means: Floats
    covariances: Floats
    evidence: Floats

    @classmethod
    def started(cls, means: Floats, covariances: Floats, speeds: int) -> ChangingRegressions:
        """Return the same normal distribution, [K, P] and [K, P, P], for each of G speeds."""
        shape = (speeds, *means.shape)
        return cls(
            np.broadcast_to(means, shape),
            np.broadcast_to(covariances, (*shape, means.shape[-1])),
            np.zeros(speeds),
        )

    def later(self, variances: Floats) -> ChangingRegressions:
        """Return what is known after a change with these variances [G, P]."""
        added = variances[:, None, :, None] * np.eye(variances.shape[1])
        return ChangingRegressions(self.means, self.covariances + added, self.evidence)

    def updated(self, counts: Counts) -> ChangingRegressions:
        """Return what is known after the rows of a window: the modes and curvatures there."""
        precision = np.asarray(np.linalg.inv(self.covariances), np.float64)
        modes = self._modes(counts, precision)
        logits, away = _logits(counts, modes), modes - self.means
        covariances = np.asarray(np.linalg.inv(_curvature(counts, logits) + precision), np.float64)
        evidence = (
            -_loss(counts, logits, away, precision)
            - np.linalg.slogdet(self.covariances)[1] / 2
            + np.linalg.slogdet(covariances)[1] / 2
        )
        return ChangingRegressions(modes, covariances, self.evidence + evidence.sum(axis=1))

    def mixture(self) -> tuple[Floats, Floats]:
        """Return the mean [K, P] and the covariance [K, P, P] over the speeds, each weighted by its
        evidence.
        """
        weights = np.exp(self.evidence - self.evidence.max())
        weights = weights / weights.sum()
        mean = np.einsum("g,gkp->kp", weights, self.means)
        away = self.means - mean
        within = np.einsum("g,gkpq->kpq", weights, self.covariances)
        return mean, within + np.einsum("g,gkp,gkq->kpq", weights, away, away)

    def _modes(self, counts: Counts, precision: Floats) -> Floats:
        """Return the coefficients with the highest posterior density, by Newton's method."""
        value = np.array(self.means)
        for _ in range(STEPS):
            logits, away = _logits(counts, value), value - self.means
            missed = counts.hits - counts.rows * expit(logits)
            slope = np.einsum("gkb,kbp->gkp", missed, counts.design)
            slope -= np.einsum("gkpq,gkq->gkp", precision, away)
            move = np.linalg.solve(_curvature(counts, logits) + precision, slope[..., None])[..., 0]
            before = _loss(counts, logits, away, precision)
            # Newton's step can overshoot far from the solution; half of it may not.
            for _ in range(HALVINGS):
                there = value + move
                after = _loss(counts, _logits(counts, there), there - self.means, precision)
                worse = after > before + TOLERANCE
                if not worse.any():
                    break
                move = np.where(worse[..., None], move / 2, move)
            value = value + move
            if np.abs(move).max() < SMALLEST_STEP:
                break
        return value


def _logits(counts: Counts, coefficients: Floats) -> Floats:
    return np.asarray(np.einsum("kbp,gkp->gkb", counts.design, coefficients))


def _curvature(counts: Counts, logits: Floats) -> Floats:
    expected = expit(logits)
    weights = counts.rows * expected * (1 - expected)
    return np.asarray(np.einsum("gkb,kbp,kbq->gkpq", weights, counts.design, counts.design))


def _loss(counts: Counts, logits: Floats, away: Floats, precision: Floats) -> Floats:
    """Return minus the log of likelihood times prior density [G, K], up to a constant."""
    rows = (counts.rows * np.logaddexp(0, logits) - counts.hits * logits).sum(axis=-1)
    return np.asarray(rows + np.einsum("gkp,gkpq,gkq->gk", away, precision, away) / 2)
