"""The figures of an evaluation."""

import io

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from evaluation import LabelledPredictions, calibration_curve, calibration_targets
from platform_core.contracts.release import DecisionRule
from training.card.evaluation import stored_probabilities
from use_cases import UseCase

SIZE = (4.4, 3.4)
THRESHOLDS = 201


def evaluation_plots(case: UseCase, answers: pa.Table, rule: DecisionRule) -> dict[str, Figure]:
    """Return figures by file name: the confusion matrix; ROC, precision-recall and reliability
    curves; the distribution of scores; and, with a positive class, the effect of each threshold.

    `answers` are those of an `Evaluation`.
    """
    probabilities = stored_probabilities(case, answers)
    labels = np.asarray(answers["label"].to_pylist())
    figures = {"confusion_matrix.png": _confusion(case, answers)}
    watched = [case.positive] if case.positive else list(case.classes)
    columns = {name: probabilities[:, case.classes.index(name)] for name in watched}
    for name, display, sides in (
        ("roc_curve.png", RocCurveDisplay, ("false positive rate", "recall")),
        ("precision_recall_curve.png", PrecisionRecallDisplay, ("recall", "precision")),
    ):
        figures[name], axes = _figure()
        for label, column in columns.items():
            display.from_predictions(labels == label, column, name=label, ax=axes)
        axes.set(xlabel=sides[0], ylabel=sides[1])
    figures["calibration.png"] = _calibration(case, answers, probabilities)
    figures["scores.png"] = _scores(case, labels, probabilities, rule)
    if case.positive is not None:
        figures["thresholds.png"] = _thresholds(
            labels == case.positive, columns[case.positive], rule
        )
    return figures


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG image."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _confusion(case: UseCase, answers: pa.Table) -> Figure:
    figure, axes = _figure()
    ConfusionMatrixDisplay.from_predictions(
        answers["label"].to_pylist(),
        answers["prediction"].to_pylist(),
        labels=list(case.classes),
        ax=axes,
        colorbar=False,
        cmap="Blues",
    )
    return figure


def _calibration(case: UseCase, answers: pa.Table, probabilities: np.ndarray) -> Figure:
    figure, axes = _figure()
    labels, predictions = (answers[name].combine_chunks() for name in ("label", "prediction"))
    labelled = LabelledPredictions.from_arrow(
        case.classes, case.positive, labels, probabilities, predictions
    )
    bins = calibration_curve(*calibration_targets(labelled))
    points = [(one.mean_probability, one.observed_frequency) for one in bins]
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label="perfectly calibrated")
    axes.plot(*zip(*points, strict=True), marker="o", label="this model")
    for one, point in zip(bins, points, strict=True):
        axes.annotate(f"{one.rows:,}", point, (0, 5), textcoords="offset points", fontsize=7)
    of = case.positive or "the predicted class"
    axes.set(xlabel=f"mean probability of {of}", ylabel="observed frequency")
    axes.legend()
    return figure


def _scores(
    case: UseCase, labels: np.ndarray, probabilities: np.ndarray, rule: DecisionRule
) -> Figure:
    figure, axes = _figure()
    edges = np.linspace(0, 1, 31).tolist()
    scores = probabilities.max(axis=1)
    if case.positive is not None:
        scores = probabilities[:, case.classes.index(case.positive)]
    for name in case.classes:
        axes.hist(scores[labels == name], bins=edges, alpha=0.6, label=name)
    axes.set(xlabel=f"probability of {case.positive or 'the answer'}", ylabel="rows")
    axes.set_yscale("symlog", linthresh=10)
    _mark(axes, rule)
    axes.legend(title="labelled", loc="upper center")
    return figure


def _thresholds(positive: np.ndarray, scores: np.ndarray, rule: DecisionRule) -> Figure:
    figure, axes = _figure()
    thresholds = np.linspace(0, 1, THRESHOLDS)
    for name, side in (("recall", scores[positive]), ("false positive rate", scores[~positive])):
        above = len(side) - np.searchsorted(np.sort(side), thresholds, side="left")
        axes.plot(thresholds, above / max(len(side), 1), label=name)
    axes.set(xlabel="threshold", ylabel="share of rows at or above")
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.005, 0.01, 0.05, 0.2, 1], ["0", "0.005", "0.01", "0.05", "0.2", "1"])
    _mark(axes, rule)
    axes.legend()
    return figure


def _mark(axes: Axes, rule: DecisionRule) -> None:
    if rule.threshold is not None:
        axes.axvline(rule.threshold, color="black", linestyle="--", linewidth=1, label="decision")
