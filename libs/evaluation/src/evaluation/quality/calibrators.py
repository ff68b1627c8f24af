"""Calibration of logged probabilities by labelled rows, kept as counts that can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from evaluation.curves import Floats
from evaluation.quality.regressions import ChangingRegressions, Counts
from platform_core.contracts.quality_report import CalibrationCell

BIN_WIDTH = 0.5
"""Width of a cell in logits."""
PRIOR_DEVIATION = 0.5
"""How far slope and intercept on live rows may be from those on the test rows, or on live rows long
before, and those on the test rows from 1 and 0: a standard deviation, assumed.
"""
SHIFT_DEVIATION = 1.0
"""The standard deviation of the effect of a shift before the first live labels, assumed: at -1 a
shift of the logits says nothing about the labels.
"""
SPEEDS = (0.05, 0.1, 0.2, 0.4)
"""Standard deviations of the change of slope and intercept per window; labels tell them apart."""
BINARY = 2
"""Classes of a binary task."""
_SMALLEST = 1e-6


@dataclass(frozen=True)
class CalibrationWindow:
    """The labelled rows of an earlier window.

    `logits` is the mean logit of each class over all its rows, labelled or not; of a class that is
    not in it, that of the cells is taken. `age` is the time from its end to the end of the window
    that is calibrated, in lengths of that window.
    """

    cells: Sequence[CalibrationCell]
    logits: Mapping[str, float]
    age: float


@dataclass(frozen=True)
class ClassCalibrator:
    """p' = 1 / (1 + exp(-(a logit(p) + b + c shift))) per class, scaled to sum 1 over the classes.

    `parameters` [K, 3] are a, b and c, `covariance` [K, 3, 3] is their uncertainty. K is the number
    of classes; of two classes only the second has parameters. `rows` is the number of labelled
    rows that they, and their priors, were fitted to.

    `shift` [K] is the mean logit of the window that is calibrated, less `centre` [K], that of the
    test rows. Where a class becomes more frequent, the logits of the window rise as a whole and c
    is 0. Where its inputs change for another reason, the logits rise and the labels do not: c is
    near -a, although a row with a higher logit than another still belongs to the class more often.

    Source: Platt 1999, "Probabilistic outputs for support vector machines", on logits, one class
    against the rest (Zadrozny and Elkan 2002, "Transforming classifier scores into accurate
    multiclass probability estimates"). Effects within and between windows: Neuhaus and Kalbfleisch
    1998, "Between- and within-cluster covariate effects in the analysis of clustered data",
    Biometrics 54.
    """

    parameters: Floats
    covariance: Floats
    shift: Floats
    centre: Floats | None
    rows: int

    @classmethod
    def unfitted(cls, classes: int) -> ClassCalibrator:
        """Return one that leaves probabilities as they are, with the uncertainty of the prior."""
        count = 1 if classes == BINARY else classes
        deviations = np.array([PRIOR_DEVIATION, PRIOR_DEVIATION, SHIFT_DEVIATION])
        return cls(
            parameters=np.tile([1.0, 0.0, 0.0], (count, 1)),
            covariance=np.tile(np.diag(deviations**2), (count, 1, 1)),
            shift=np.zeros(count),
            centre=None,
            rows=0,
        )

    def fitted(self, cells: Iterable[CalibrationCell], classes: Sequence[str]) -> ClassCalibrator:
        """Return one that is fitted to the cells of the test rows, with this one as the prior."""
        by_class = _by_class(cells, classes)
        rows = _rows(by_class)
        if not rows:
            return self
        counts = _counts(by_class, np.zeros(len(by_class)))
        mean, covariance = self._started(1).updated(counts).mixture()
        return ClassCalibrator(mean, covariance, self.shift, _means(by_class), self.rows + rows)

    def followed(
        self,
        windows: Sequence[CalibrationWindow],
        logits: Mapping[str, float],
        classes: Sequence[str],
    ) -> ClassCalibrator:
        """Return one for a later window whose mean logits are `logits`, from those before it.

        This one, which was fitted to test rows, is the prior of the first window, with
        `PRIOR_DEVIATION` added because live traffic differs. From window to window slope and
        intercept change at one of `SPEEDS`: the variance grows with the time between their ends, up
        to `PRIOR_DEVIATION`^2 (`ChangingRegressions`). The effect of a shift stays the same. So
        labels count the less the older they are, and the uncertainty grows with the time since the
        last ones, to that without live labels.
        """
        names, state = _calibrated(classes), self._started(len(SPEEDS))
        if self.rows:
            state = state.later(_changes(np.inf))
        centre, rows = self.centre, self.rows
        known = sorted(windows, key=lambda window: window.age, reverse=True)
        ages = [*(window.age for window in known), 0.0]
        for window, next_age in zip(known, ages[1:], strict=True):
            by_class = _by_class(window.cells, classes)
            means = _named(window.logits, names, _means(by_class))
            centre = means if centre is None else centre
            state = state.updated(_counts(by_class, means - centre))
            state = state.later(_changes(window.age - next_age))
            rows += _rows(by_class)
        mean, covariance = state.mixture()
        shift = self.shift if centre is None else _named(logits, names, centre) - centre
        return ClassCalibrator(mean, covariance, shift, centre, rows)

    def calibrate(self, probabilities: Floats) -> Floats:
        """Return calibrated probabilities [N, C]."""
        return self._calibrate(probabilities, self.parameters)

    def derivatives(self, probabilities: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Yield for each of the K classes the derivatives of the calibrated probabilities by its
        three parameters, [3, N, C], and the covariance [3, 3] of these.
        """
        step = 1e-4
        for number, covariance in enumerate(self.covariance):
            slopes = []
            for which in range(2):
                moved = np.zeros_like(self.parameters)
                moved[number, which] = step
                above, below = (
                    self._calibrate(probabilities, self.parameters + sign * moved)
                    for sign in (1, -1)
                )
                slopes.append((above - below) / (2 * step))
            yield np.array([*slopes, self.shift[number] * slopes[1]]), covariance

    def _started(self, speeds: int) -> ChangingRegressions:
        return ChangingRegressions.started(self.parameters, self.covariance, speeds)

    def _calibrate(self, probabilities: Floats, parameters: Floats) -> Floats:
        binary = len(parameters) == 1
        logits = _logit(probabilities[:, 1:] if binary else probabilities)
        slope, intercept, effect = parameters.T
        given = expit(logits * slope + intercept + effect * self.shift)
        if binary:
            return np.concatenate([1 - given, given], axis=1)
        return np.asarray(given / given.sum(axis=1, keepdims=True))


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
        for name, given in _columns(classes, probabilities)
        for hit in [(labels == list(classes).index(name)).astype(np.float64)]
        for bins in [np.floor(_logit(given) / BIN_WIDTH).astype(np.int64)]
        for number in np.unique(bins)
        for inside in [bins == number]
    ]


def mean_logits(classes: Sequence[str], probabilities: Floats) -> dict[str, float]:
    """Return the mean logit of each calibrated class over N rows, `probabilities` [N, C]."""
    if not len(probabilities):
        return {}
    return {name: float(_logit(given).mean()) for name, given in _columns(classes, probabilities)}


def _columns(classes: Sequence[str], probabilities: Floats) -> Iterator[tuple[str, Floats]]:
    for name in _calibrated(classes):
        yield name, probabilities[:, list(classes).index(name)]


def _calibrated(classes: Sequence[str]) -> Sequence[str]:
    """Return the classes that have parameters: of two the second, as the first follows from it."""
    return classes[1:] if len(classes) == BINARY else classes


def _by_class(
    cells: Iterable[CalibrationCell], classes: Sequence[str]
) -> list[list[CalibrationCell]]:
    """Return the cells of each of the K calibrated classes."""
    found: dict[str, list[CalibrationCell]] = {name: [] for name in _calibrated(classes)}
    for cell in cells:
        if cell.output in found:
            found[cell.output].append(cell)
    return list(found.values())


def _rows(by_class: Sequence[Sequence[CalibrationCell]]) -> int:
    """Return the number of labelled rows: each has a cell in every class."""
    return sum(cell.rows for cell in by_class[0])


def _changes(windows: float) -> Floats:
    """Return the variances [G, 3] of the change of slope, intercept and effect of a shift within so
    many windows, at each speed.
    """
    variances = np.minimum(np.square(SPEEDS) * windows, PRIOR_DEVIATION**2)
    return np.column_stack([variances, variances, np.zeros(len(variances))])


def _named(values: Mapping[str, float], names: Sequence[str], default: Floats) -> Floats:
    """Return the values of K names, that of `default` [K] where there is none."""
    return np.array([values.get(n, d) for n, d in zip(names, default, strict=True)], np.float64)


def _means(by_class: Sequence[Sequence[CalibrationCell]]) -> Floats:
    """Return the mean logit [K] of the rows of cells; 0 where there are none."""
    counts = _counts(by_class, np.zeros(len(by_class)))
    rows = counts.rows.sum(axis=1)
    return np.asarray((counts.rows * counts.design[..., 0]).sum(axis=1) / np.maximum(rows, 1))


def _counts(by_class: Sequence[Sequence[CalibrationCell]], shift: Floats) -> Counts:
    """Return the cells as rows of regressions on logit, 1 and `shift` [K]."""
    shape = (len(by_class), max(map(len, by_class)))
    rows, hits, logits = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for number, cells in enumerate(by_class):
        inside = (number, slice(len(cells)))
        rows[inside] = [cell.rows for cell in cells]
        hits[inside] = [cell.observed for cell in cells]
        logits[inside] = _logit(np.array([cell.predicted / cell.rows for cell in cells]))
    design = np.stack([logits, np.ones(shape), np.broadcast_to(shift[:, None], shape)], axis=-1)
    return Counts(design, rows, hits)


def _logit(shares: Floats) -> Floats:
    return np.asarray(logit(np.clip(shares, _SMALLEST, 1 - _SMALLEST)))
