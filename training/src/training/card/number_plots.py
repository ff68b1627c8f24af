"""The figures of a regression."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation import NumberPredictions

SIZE = (4.4, 3.4)
MOST_POINTS = 2_000


def number_plots(rows: NumberPredictions) -> dict[str, Figure]:
    """Return figures by file name: labels against predictions, residuals against predictions, and
    the distribution of the residuals.
    """
    return {
        "predicted_actual.svg": _predicted_actual(rows),
        "residuals.svg": _residuals(rows),
        "residual_distribution.svg": _distribution(rows),
    }


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _shown(rows: NumberPredictions) -> NumberPredictions:
    """Return evenly spaced rows, so that a page stays small."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).astype(int)
    return rows.take(places)


def _predicted_actual(rows: NumberPredictions) -> Figure:
    figure, axes = _figure()
    shown = _shown(rows)
    axes.plot(shown.predictions, shown.labels, "o", markersize=2, alpha=0.4, label="test rows")
    ends = np.array([rows.predictions.min(), rows.predictions.max()])
    axes.plot(ends, ends, linestyle=":", color="grey", label="equal")
    order = np.argsort(shown.predictions)
    for side in (shown.low, shown.high):
        axes.plot(shown.predictions[order], side[order], color="black", linewidth=0.8)
    axes.set(xlabel="prediction", ylabel="label")
    axes.legend(loc="upper left")
    return figure


def _residuals(rows: NumberPredictions) -> Figure:
    figure, axes = _figure()
    shown = _shown(rows)
    axes.plot(shown.predictions, shown.errors, "o", markersize=2, alpha=0.4)
    axes.axhline(0, linestyle=":", color="grey")
    axes.set(xlabel="prediction", ylabel="residual")
    return figure


def _distribution(rows: NumberPredictions) -> Figure:
    figure, axes = _figure()
    axes.hist(rows.errors, bins=40)
    for side in (rows.low, rows.high):
        axes.axvline(float(np.mean(side - rows.predictions)), color="black", linestyle="--")
    axes.set(xlabel="residual", ylabel="rows")
    return figure
