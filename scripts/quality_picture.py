"""Draw docs/explanation/quality-estimate.svg: estimates of a simulated model that gets worse."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.quality import (
    CalibrationWindow,
    ClassCalibrator,
    ClassScores,
    ClassWindow,
    class_cells,
    class_quality,
    mean_logits,
)
from platform_core.contracts.quality_report import MetricQuality
from platform_core.pages import svg

PICTURE = Path(__file__).parents[1] / "docs" / "explanation" / "quality-estimate.svg"
CLASSES = ("ham", "spam")
WINDOWS, ROWS, LABELLED = 24, 1_000, 60
UNLABELLED_FROM = 18
"""The labels of later windows have not arrived."""
THRESHOLD = 0.5
COLOURS = {"labels": "#888888", "prediction-powered": "#1f77b4", "estimated": "#d62728"}
_UNKNOWN = -1


def main() -> None:
    """Write the picture to `PICTURE`, or to the file that is named."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    _draw(figure.subplots())
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    target.write_text(svg(figure) + "\n")


def _draw(axes: Axes) -> None:
    random = np.random.default_rng(7)
    truth, earlier = [], []
    for number in range(WINDOWS):
        sharpness = 2.2 if number < WINDOWS // 2 else 1.1
        scores, labels = _answers(random, sharpness)
        truth.append((scores.predictions == labels).mean())
        logits = mean_logits(CLASSES, scores.probabilities)
        calibrator = ClassCalibrator.unfitted(len(CLASSES)).followed(
            [CalibrationWindow(cells, means, number - at) for at, cells, means in earlier],
            logits,
            CLASSES,
        )
        known = LABELLED if number < UNLABELLED_FROM else 0
        window = ClassWindow(scores, np.where(np.arange(ROWS) < known, labels, _UNKNOWN))
        if known:
            _interval(axes, number - 0.18, _accuracy(window.take(np.arange(known)), calibrator))
        _interval(axes, number + 0.18, _accuracy(window, calibrator))
        if known:
            cells = class_cells(CLASSES, scores.probabilities[:known], labels[:known])
            earlier.append((number, cells, logits))
    axes.plot(range(WINDOWS), truth, "k_", markersize=12, label="true accuracy")
    for method, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=method)
    axes.axvline(UNLABELLED_FROM - 0.5, color="black", linewidth=0.8, linestyle=":")
    axes.text(UNLABELLED_FROM - 0.35, 0.985, "labels have not arrived", fontsize=8)
    axes.set(xlabel="window", ylabel="accuracy", ylim=(0.6, 1.0), xlim=(-1, WINDOWS))
    axes.legend(loc="lower left", ncols=4, fontsize=8)


def _answers(random: np.random.Generator, sharpness: float) -> tuple[ClassScores, np.ndarray]:
    """Return answers of a model that is too sure of itself, and the labels."""
    logits = random.normal(-0.3, 1.5 * sharpness, ROWS)
    labels = (random.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    spam = 1 / (1 + np.exp(-1.5 * logits))
    probabilities = np.column_stack([1 - spam, spam])
    return ClassScores((spam >= THRESHOLD).astype(np.int64), probabilities, 1), labels


def _accuracy(window: ClassWindow, calibrator: ClassCalibrator) -> MetricQuality:
    (found,) = class_quality(window, calibrator, ["accuracy"])
    return found


def _interval(axes: Axes, place: float, found: MetricQuality) -> None:
    if found.estimate is None or found.low is None or found.high is None:
        return
    below, above = found.estimate - found.low, found.high - found.estimate
    colour = COLOURS[found.method]
    axes.errorbar(place, found.estimate, [[below], [above]], fmt="o", color=colour, markersize=3.5)


if __name__ == "__main__":
    main()
