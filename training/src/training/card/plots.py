"""The figures of an evaluation."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation import (
    LabelledPredictions,
    NumberPredictions,
    average_precision,
    calibration_curve,
    calibration_targets,
    roc_auc,
    threshold_counts,
)
from platform_core.contracts.release import DecisionRule, IntervalRule, Rule
from training.card.evaluation import labelled_predictions
from training.card.number_plots import number_plots
from use_cases import UseCase

SIZE = (4.4, 3.4)
THRESHOLDS = 201


def evaluation_plots(case: UseCase, answers: pa.Table, rule: Rule) -> dict[str, Figure]:
    """Return figures by file name: the confusion matrix; ROC, precision-recall and reliability
    curves; the distribution of scores; and, with a positive class, the effect of each threshold.
    For numbers those of `number_plots`.

    `answers` are those of an `Evaluation`.
    """
    rows = labelled_predictions(case, answers)
    if isinstance(rows, NumberPredictions):
        return number_plots(rows)
    if isinstance(rule, IntervalRule):
        raise TypeError("the rule of classes is a decision, not an interval")
    watched = [case.positive] if case.positive else list(case.classes)
    truth = {name: rows.labels == case.classes.index(name) for name in case.classes}
    scores = {name: rows.probabilities[:, case.classes.index(name)] for name in watched}
    figures = {
        "confusion_matrix.svg": _confusion(case, rows),
        **_curves(truth, scores),
        "calibration.svg": _calibration(case, rows),
        "scores.svg": _scores(case, truth, rows.probabilities, rule),
    }
    if case.positive is not None:
        positive = case.positive
        figures["thresholds.svg"] = _thresholds(truth[positive], scores[positive], rule)
    return figures


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _confusion(case: UseCase, rows: LabelledPredictions) -> Figure:
    figure, axes = _figure()
    counts = rows.confusion()
    axes.imshow(counts, cmap="Blues")
    for (label, prediction), count in np.ndenumerate(counts):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(prediction, label, f"{count:,}", ha="center", va="center", color=colour)
    places = range(len(case.classes))
    axes.set_xticks(places, list(case.classes))
    axes.set_yticks(places, list(case.classes))
    axes.set(xlabel="predicted label", ylabel="true label")
    return figure


def _curves(truth: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray]) -> dict[str, Figure]:
    """Return the ROC and the precision-recall curve of each class in `scores`."""
    roc, roc_axes = _figure()
    precision_recall, axes = _figure()
    for name, column in scores.items():
        counts = threshold_counts(truth[name], column, np.ones((1, len(column))))
        recall, false_positive_rate = counts.rates()
        (area,), (mean,) = roc_auc(counts), average_precision(counts)
        roc_axes.plot(false_positive_rate, recall, label=f"{name} (AUC = {area:.2f})")
        found, wrong = counts.true_positives[0], counts.false_positives[0]
        axes.step(recall[1:], found / (found + wrong), label=f"{name} (AP = {mean:.2f})")
    roc_axes.set(xlabel="false positive rate", ylabel="recall")
    axes.set(xlabel="recall", ylabel="precision")
    # Looking for the best place takes seconds where there are many points.
    roc_axes.legend(loc="lower right")
    axes.legend(loc="lower left")
    return {"roc_curve.svg": roc, "precision_recall_curve.svg": precision_recall}


def _calibration(case: UseCase, rows: LabelledPredictions) -> Figure:
    figure, axes = _figure()
    bins = calibration_curve(*calibration_targets(rows))
    points = [(one.mean_probability, one.observed_frequency) for one in bins]
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label="perfectly calibrated")
    axes.plot(*zip(*points, strict=True), marker="o", label="this model")
    for one, point in zip(bins, points, strict=True):
        axes.annotate(f"{one.rows:,}", point, (0, 5), textcoords="offset points", fontsize=7)
    of = case.positive or "the predicted class"
    axes.set(xlabel=f"mean probability of {of}", ylabel="observed frequency")
    axes.legend(loc="upper left")
    return figure


def _scores(
    case: UseCase, truth: Mapping[str, np.ndarray], probabilities: np.ndarray, rule: DecisionRule
) -> Figure:
    figure, axes = _figure()
    edges = np.linspace(0, 1, 31).tolist()
    scores = probabilities.max(axis=1)
    if case.positive is not None:
        scores = probabilities[:, case.classes.index(case.positive)]
    for name in case.classes:
        axes.hist(scores[truth[name]], bins=edges, alpha=0.6, label=name)
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
    axes.legend(loc="upper right")
    return figure


def _mark(axes: Axes, rule: DecisionRule) -> None:
    if rule.threshold is not None:
        axes.axvline(rule.threshold, color="black", linestyle="--", linewidth=1, label="decision")
