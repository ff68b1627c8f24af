"""Calibration of logged probabilities by labelled rows, kept as counts that can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.curves import Floats
from platform_core.contracts.quality_report import CalibrationCell

BIN_WIDTH = 0.5
"""Width of a cell in logits."""
PRIOR_DEVIATION = 0.5
"""How far slope and intercept may be from those of the prior: a standard deviation, assumed."""
DRIFT_DEVIATION = 0.2
"""How far they may be from those of the labelled rows in a later window: a standard deviation. With
it about 90 % of the windows of the streams in `benchmarks/decisions` were covered; without, 65 %.
"""
STEPS, SMALLEST_STEP = 50, 1e-8
BINARY = 2
"""Classes of a binary task."""
_SMALLEST = 1e-6


@dataclass(frozen=True)
class ClassCalibrator:
    """p' = 1 / (1 + exp(-(a logit(p) + b))) per class, scaled to sum 1 over the classes.

    `parameters` [K, 2] are a and b, `covariance` [K, 2, 2] is their uncertainty. K is the number of
    classes; of two classes only the second has parameters. `rows` is the number of labelled rows
    that they, and their priors, were fitted to.

    Source: Platt 1999, "Probabilistic outputs for support vector machines", on logits, one class
    against the rest (Zadrozny and Elkan 2002, "Transforming classifier scores into accurate
    multiclass probability estimates").
    """

    parameters: Floats
    covariance: Floats
    rows: int

    @classmethod
    def unfitted(cls, classes: int) -> ClassCalibrator:
        """Return one that leaves probabilities as they are, with the uncertainty of the prior."""
        count = 1 if classes == BINARY else classes
        covariance = np.eye(2) * PRIOR_DEVIATION**2
        return cls(np.tile([1.0, 0.0], (count, 1)), np.tile(covariance, (count, 1, 1)), 0)

    def fitted(self, cells: Iterable[CalibrationCell], classes: Sequence[str]) -> ClassCalibrator:
        """Return one that is fitted to labelled rows, with this one as the prior.

        The prior of each parameter is normal around this one's value, with the variance of
        `covariance` and, because traffic changes, `PRIOR_DEVIATION`^2.
        """
        found: dict[str, list[CalibrationCell]] = {}
        for cell in cells:
            found.setdefault(cell.output, []).append(cell)
        names = _calibrated(classes)
        prior = self.covariance + (np.eye(2) * PRIOR_DEVIATION**2 if self.rows else 0)
        fits = [
            _fit(found.get(name, []), *before)
            for name, *before in zip(names, self.parameters, prior, strict=True)
        ]
        parameters, covariance = (np.array(part) for part in zip(*fits, strict=True))
        rows = sum(cell.rows for cell in found.get(names[0], []))
        return ClassCalibrator(parameters, covariance, self.rows + rows)

    def calibrate(self, probabilities: Floats) -> Floats:
        """Return calibrated probabilities [N, C]."""
        return _calibrate(probabilities, self.parameters)

    def derivatives(self, probabilities: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Yield for each of the K classes the derivatives of the calibrated probabilities by its
        two parameters, [2, N, C], and the covariance [2, 2] of these in a later window.
        """
        drift = np.eye(2) * DRIFT_DEVIATION**2
        step = 1e-4
        for number, covariance in enumerate(self.covariance):
            slopes = []
            for which in range(2):
                moved = np.zeros_like(self.parameters)
                moved[number, which] = step
                above, below = (
                    _calibrate(probabilities, self.parameters + sign * moved) for sign in (1, -1)
                )
                slopes.append((above - below) / (2 * step))
            yield np.array(slopes), covariance + drift


def class_cells(
    classes: Sequence[str], probabilities: Floats, labels: NDArray[np.int64]
) -> list[CalibrationCell]:
    """Return the cells of N labelled rows: `probabilities` [N, C] and the class numbers [N]."""
    return [
        CalibrationCell(
            output=name,
            bin=int(number),
            rows=int(np.sum(inside)),
            predicted=float(given[inside].sum()),
            observed=float(hit[inside].sum()),
            squares=float(hit[inside].sum()),
        )
        for name, given, hit in _columns(classes, probabilities, labels)
        for bins in [np.floor(_logit(given) / BIN_WIDTH).astype(np.int64)]
        for number in np.unique(bins)
        for inside in [bins == number]
    ]


def _columns(
    classes: Sequence[str], probabilities: Floats, labels: NDArray[np.int64]
) -> Iterator[tuple[str, Floats, Floats]]:
    for name in _calibrated(classes):
        number = list(classes).index(name)
        yield name, probabilities[:, number], (labels == number).astype(np.float64)


def _calibrated(classes: Sequence[str]) -> Sequence[str]:
    """Return the classes that have parameters: of two the second, as the first follows from it."""
    return classes[1:] if len(classes) == BINARY else classes


def _calibrate(probabilities: Floats, parameters: Floats) -> Floats:
    binary = len(parameters) == 1
    logits = _logit(probabilities[:, 1:] if binary else probabilities)
    given = _sigmoid(logits * parameters[:, 0] + parameters[:, 1])
    if binary:
        return np.concatenate([1 - given, given], axis=1)
    return np.asarray(given / given.sum(axis=1, keepdims=True))


def _fit(cells: Sequence[CalibrationCell], prior: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Return the parameters with the highest posterior, and its curvature's inverse, by Newton."""
    rows = np.array([cell.rows for cell in cells], np.float64)
    shares = np.array([cell.predicted for cell in cells]) / rows if len(cells) else rows
    hits = np.array([cell.observed for cell in cells], np.float64)
    design = np.column_stack([_logit(shares), np.ones(len(cells))])
    precision = np.linalg.inv(spread)

    def loss(at: Floats) -> float:
        logits, away = design @ at, at - prior
        return float(rows @ np.logaddexp(0, logits) - hits @ logits + away @ precision @ away / 2)

    value = prior.copy()
    for _ in range(STEPS):
        expected = _sigmoid(design @ value)
        slope = design.T @ (hits - rows * expected) - precision @ (value - prior)
        curvature = (design.T * (rows * expected * (1 - expected))) @ design + precision
        move, before = np.linalg.solve(curvature, slope), loss(value)
        # Newton's step can overshoot far from the solution; half of it may not.
        while loss(value + move) > before and np.abs(move).max() > SMALLEST_STEP:
            move = move / 2
        value = value + move
        if np.abs(move).max() < SMALLEST_STEP:
            break
    return value, np.linalg.inv(curvature)


def _logit(shares: Floats) -> Floats:
    kept = np.clip(shares, _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)))
